"""The elements of a Flex Query: which hold rows, which repeat them, which only enclose."""

from __future__ import annotations

ROWS = frozenset({"Trade", "CashTransaction", "CorporateAction", "Transfer", "OptionEAE"})
"""Rows that carry transactions; the broker's id stands in ``transactionID``."""

CONTAINERS = frozenset({"FlexQueryResponse", "FlexStatements"})

DETAILS = frozenset(
    {"Order", "SymbolSummary", "AssetSummary", "Lot", "WashSale", "ClosedLot", "TransferLot", "TradeTransfer"}
)
"""Sums and details of rows that count by themselves."""

SKIPPED = frozenset(
    {
        "AdvisorFee", "BorrowFeesDetail", "CFDCharge", "CarbonCredit", "ChangeInDividendAccrual",
        "ChangeInNAV", "ChangeInPositionValue", "ClientFee", "ClientFeesDetail", "CommissionCredit",
        "ComplexPosition", "ConversionRate", "CryptoFee", "DebitCardActivity", "DepositsOnHold",
        "DirectFrenchTaxDetail", "EquitySummaryByReportDateInBase", "ExcessFundSweep",
        "FIFOPerformanceSummaryUnderlying", "FdicInsuredDepositsByBank", "FxLot", "FxPosition",
        "FxTransaction", "HKIPOOpenSubscription", "HKIPOSubscriptionActivity", "HardToBorrowDetail",
        "IBGNoteTransaction", "IncentiveCouponAccrualDetail", "InterestAccrualsCurrency",
        "MTDYTDPerformanceSummaryUnderlying", "MTMPerformanceSummaryInBase",
        "MTMPerformanceSummaryUnderlying", "MutualFundDividendDetail", "NetStockPosition",
        "NetStockPositionSummary", "OpenDividendAccrual", "OptionExercise", "PendingExcercise",
        "PendingExercise", "PriorPeriodPosition", "RelatedTrade", "RoutingCommission", "SLBActivity",
        "SLBCollateral", "SLBFee", "SLBOpenContract", "SLBOpenContracts", "SalesTax", "SoftDollar",
        "StatementOfFundsLine", "StatementOfFunds", "StockGrantActivity", "TierInterestDetail",
        "TransactionTax", "TransactionTaxDetail", "UnbookedTrade", "UnbundledCommissionDetail",
        "UnsettledTransfer",
    }
)  # fmt: skip
"""Elements that repeat, sum or explain what others state (the statement of funds repeats everything)."""

EVIDENCE = frozenset({"OpenPosition", "CashReportCurrency", "SecurityInfo"})
