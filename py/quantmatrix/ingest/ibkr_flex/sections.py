"""The elements of a Flex Query: which hold rows, which repeat them, which only enclose."""

from __future__ import annotations

ROWS = frozenset(
    {
        "Trade", "Order", "SymbolSummary", "AssetSummary", "CashTransaction", "CorporateAction", "Transfer",
        "OptionEAE", "StockGrantActivity",
    }
)  # fmt: skip
"""Rows that carry transactions, or sum others; the broker's id stands in ``transactionID``."""

CONTAINERS = frozenset({"FlexQueryResponse", "FlexStatements"})

DETAILS = frozenset({"Lot", "WashSale", "ClosedLot", "TransferLot"})
"""Details of rows that count by themselves."""

UNCOMPUTED = frozenset(
    {
        "CFDCharge", "CarbonCredit", "CryptoFee", "DebitCardActivity", "ExcessFundSweep",
        "HKIPOSubscriptionActivity", "IBGNoteTransaction", "SalesTax", "TradeTransfer", "UnbookedTrade",
    }
)  # fmt: skip
"""Elements that may move units or cash that no other element shows: kept, and said with their sums."""

SKIPPED = frozenset(
    {
        "AdvisorFee", "BorrowFeesDetail", "ChangeInDividendAccrual", "ChangeInNAV", "ChangeInPositionValue",
        "ClientFee", "ClientFeesDetail", "CommissionCredit", "ComplexPosition", "ConversionRate",
        "DepositsOnHold", "DirectFrenchTaxDetail", "EquitySummaryByReportDateInBase",
        "FIFOPerformanceSummaryUnderlying", "FdicInsuredDepositsByBank", "ForexBalance", "FxLot",
        "FxPosition", "FxTransaction", "HKIPOOpenSubscription", "HardToBorrowDetail",
        "IncentiveCouponAccrualDetail", "InterestAccrualsCurrency", "MTDYTDPerformanceSummaryUnderlying",
        "MTMPerformanceSummaryInBase", "MTMPerformanceSummaryUnderlying", "MutualFundDividendDetail",
        "NetStockPosition", "NetStockPositionSummary", "OpenDividendAccrual", "OptionExercise",
        "PendingExcercise", "PendingExercise", "PriorPeriodPosition", "RelatedTrade", "RoutingCommission",
        "SLBActivity", "SLBCollateral", "SLBFee", "SLBOpenContract", "SLBOpenContracts", "SoftDollar",
        "StatementOfFunds", "StatementOfFundsLine", "TierInterestDetail", "TransactionTax",
        "TransactionTaxDetail", "UnbundledCommissionDetail", "UnsettledTransfer",
    }
)  # fmt: skip
"""Elements that repeat, sum or explain what others state (the statement of funds repeats everything)."""

EVIDENCE = frozenset({"OpenPosition", "CashReportCurrency", "SecurityInfo"})
