-- Every constraint refuses what it should and takes what lies just inside. Keys and references are tried from the catalogue alone; each check
-- needs a refused and an accepted value in the list below, and one without an entry fails by its name.
begin;
create temporary table constraints as
select
    c.oid,
    c.conname::text as name,
    c.contype as kind,
    c.conrelid as table_oid,
    c.conrelid::regclass::text as table_name,
    c.conkey as key,
    c.confrelid as target_oid,
    c.confkey as target_key
from pg_constraint c
where c.connamespace in (select s.oid from tests.schemas s)
    and c.contype in ('c', 'f', 'p', 'u');

create temporary table tries (name text, refused text, accepted text, base text default 'true');
insert into tries (name, refused, accepted) values
    ('users_email_is_lower_case_address', $$email = 'Ann@example.test'$$, $$email = 'ann@other.test'$$),
    ('users_email_is_lower_case_address', $$email = 'ann'$$, $$email = 'a@b'$$),
    ('users_email_is_lower_case_address', $$email = 'a b@example.test'$$, $$email = repeat('a', 241) || '@example.test'$$),
    ('users_email_is_lower_case_address', $$email = repeat('a', 242) || '@example.test'$$, $$email = 'a+b@example.test'$$),
    ('users_username_is_short_and_plain', $$username = 'a'$$, $$username = 'ab'$$),
    ('users_username_is_short_and_plain', $$username = 'Ann'$$, $$username = null$$),
    ('users_display_name_is_not_blank', $$display_name = ' '$$, $$display_name = 'A'$$),
    ('users_base_currency_is_a_code', $$base_currency = 'US'$$, $$base_currency = 'EUR'$$),
    ('users_tax_currency_is_a_code', $$tax_currency = 'usd'$$, $$tax_currency = 'GBP'$$),
    ('users_disabled_has_a_date', $$status = 'disabled'$$, $$status = 'disabled', disabled_at = now()$$),
    ('users_disabled_has_a_date', $$disabled_at = now()$$, $$disabled_at = null$$),
    ('users_preferences_is_an_object', $$preferences = '[]'$$, $$preferences = '{"a": 1}'$$),
    ('users_metadata_is_an_object', $$metadata = '1'$$, $$metadata = '{}'$$),

    ('accounts_broker_is_a_plain_name', $$broker = 'I B'$$, $$broker = 'ib_2'$$),
    ('accounts_number_is_not_blank', $$account_number = ''$$, $$account_number = '1'$$),
    ('accounts_number_is_not_blank', $$account_number = ' 1'$$, $$account_number = '1 2'$$),
    ('accounts_name_is_not_blank', $$name = ''$$, $$name = 'n'$$),
    ('accounts_name_is_not_blank', $$name = 'n '$$, $$name = 'n n'$$),
    ('accounts_base_currency_is_a_code', $$base_currency = 'EURO 1'$$, $$base_currency = 'USDC'$$),
    ('accounts_metadata_is_an_object', $$metadata = '[]'$$, $$metadata = '{"a": 1}'$$),

    ('instruments_symbol_is_not_blank', $$symbol = ''$$, $$symbol = 'X'$$),
    ('instruments_symbol_is_not_blank', $$symbol = 'X '$$, $$symbol = 'X  250117C00005000'$$),
    ('instruments_currency_is_a_code', $$currency = 'Usd'$$, $$currency = 'EUR'$$),
    ('instruments_multiplier_is_positive', $$multiplier = 0$$, $$multiplier = 0.01$$),
    (
        'instruments_strike_is_not_negative',
        $$instrument_type = 'option', option_type = 'call', strike = -0.01, expiration = '2025-01-17'$$,
        $$instrument_type = 'option', symbol = 'X     250117C00000000', option_type = 'call', strike = 0, expiration = '2025-01-17'$$
    ),
    (
        'instruments_option_terms_are_complete',
        $$instrument_type = 'option', option_type = 'put', strike = 5$$,
        $$instrument_type = 'future_option', symbol = './ESH5 250117P5', option_type = 'put', strike = 5, expiration = '2025-01-17'$$
    ),
    ('instruments_option_terms_are_complete', $$strike = 5$$, $$instrument_type = 'future', expiration = '2025-01-17'$$),
    (
        'instruments_terms_are_those_of_the_symbol',
        $$instrument_type = 'option', symbol = 'X     250117C00005000', option_type = 'put', strike = 5, expiration = '2025-01-17'$$,
        $$instrument_type = 'option', symbol = 'X     250117P00005000', option_type = 'put', strike = 5, expiration = '2025-01-17'$$
    ),
    (
        'instruments_terms_are_those_of_the_symbol',
        $$instrument_type = 'option', symbol = 'X     250117C00005000', option_type = 'call', strike = 1e100000, expiration = '2025-01-17'$$,
        $$instrument_type = 'option', symbol = 'LONGROOT 250117C5.125', option_type = 'call', strike = 5.125, expiration = '2025-01-17'$$
    ),
    (
        'instruments_terms_are_those_of_the_symbol',
        $$instrument_type = 'option', symbol = 'X     250231C00005000', option_type = 'call', strike = 5, expiration = '2025-01-17'$$,
        $$instrument_type = 'option', symbol = 'X     800117C00005000', option_type = 'call', strike = 5, expiration = '1980-01-17'$$
    ),
    ('instruments_symbol_is_plain', $$symbol = e'X\u001b]0;Y'$$, $$symbol = 'X  Y'$$),
    ('instruments_symbol_is_plain', $$symbol = e'X\u202eY'$$, $$symbol = 'Ü'$$),
    ('instruments_name_is_plain', $$name = e'a\nb'$$, $$name = 'a b'$$),
    ('instruments_exchange_is_plain', $$exchange = e'a\u0007'$$, $$exchange = 'NYSE'$$),
    ('instruments_branch_is_plain', $$sector = repeat('a', 101)$$, $$industry = 'a'$$),
    ('instruments_expiration_is_a_day', $$expiration = 'infinity'$$, $$expiration = '2199-12-31'$$),
    ('instruments_multiplier_is_possible', $$multiplier = 1e13$$, $$multiplier = 12500000$$),
    ('instruments_multiplier_is_possible', $$multiplier = 1e-13$$, $$multiplier = 0.000000000001$$),
    ('instruments_metadata_is_an_object', $$metadata = '[]'$$, $$metadata = '{"a": 1}'$$),

    ('sync_history_source_is_a_plain_name', $$source = 'IBKR'$$, $$source = 'schwab_1'$$),
    ('sync_history_digest_is_sha256', $$content_sha256 = repeat('A', 64)$$, $$content_sha256 = repeat('a', 64)$$),
    ('sync_history_digest_is_sha256', $$content_sha256 = repeat('a', 63)$$, $$content_sha256 = null$$),
    ('sync_history_counts_are_not_negative', $$rows_in = -1$$, $$rows_in = 0, rows_accepted = 0, rejects = '{}'$$),
    ('sync_history_ended_has_a_time', $$finished_at = null$$, $$status = 'running', finished_at = null$$),
    ('sync_history_ended_has_a_time', $$status = 'running'$$, $$status = 'undone'$$),
    (
        'sync_history_rejects_are_counts',
        $$status = 'failed', rejects = '[]'$$,
        $$rows_in = 8, rejects = '{"bad_number": 1, "bad_date": 2}'$$
    ),
    ('sync_history_rejects_are_counts', $$status = 'failed', rejects = '{"bad_number": -1}'$$, $$rejects = '{"bad_date": 1}'$$),
    ('sync_history_rejects_are_counts', $$status = 'failed', rejects = '{"bad_number": "1"}'$$, $$rejects = '{"other": 1}'$$),
    ('sync_history_every_row_is_accounted_for', $$rows_in = rows_in + 1$$, $$rows_in = rows_in + 1, rows_accepted = rows_accepted + 1$$),
    ('sync_history_every_row_is_accounted_for', $$status = 'undone', rejects = '{}'$$, $$status = 'failed', rejects = '{}'$$),

    ('positions_open_lots_is_not_negative', $$open_lots = -1$$, $$open_lots = 0$$),
    ('positions_unknown_basis_is_not_negative', $$unknown_basis_quantity = -0.5$$, $$unknown_basis_quantity = 0.5$$),
    ('positions_currency_is_a_code', $$currency = ''$$, $$currency = 'CAD'$$),
    ('positions_metadata_is_an_object', $$metadata = 'null'$$, $$metadata = '{"a": 1}'$$),

    ('market_data_prices_are_not_negative', $$close = -0.01$$, $$close = 0$$),
    ('market_data_numbers_are_of_possible_size', $$close = 1e31$$, $$close = 1e29$$),
    ('market_data_prices_are_not_negative', $$volume = -1$$, $$volume = 0$$),
    (
        'market_data_high_is_highest',
        $$open = 5, high = 4, low = 3, close = 4$$,
        $$open = 4, high = 4, low = 3, close = 4$$
    ),
    (
        'market_data_low_is_lowest',
        $$open = 4, high = 5, low = 4, close = 3$$,
        $$open = 4, high = 5, low = 3, close = 3$$
    ),
    ('market_data_rsi_is_a_percentage', $$rsi_14 = 100.1$$, $$rsi_14 = 100$$),
    ('market_data_indicators_is_an_object', $$indicators = '[]'$$, $$indicators = '{"a": "1"}'$$),

    ('alerts_name_is_not_blank', $$name = ' '$$, $$name = 'n'$$),
    ('alerts_condition_is_an_object', $$condition = '"x"'$$, $$condition = '{}'$$),
    ('alerts_channels_are_known', $$channels = '{email,fax}'$$, $$channels = '{email,push,webhook}'$$),
    ('alerts_cooldown_is_not_negative', $$cooldown = '-1 second'$$, $$cooldown = '0'$$),
    ('alerts_trigger_count_is_not_negative', $$trigger_count = -1$$, $$trigger_count = 1$$),
    ('alerts_metadata_is_an_object', $$metadata = '[]'$$, $$metadata = '{"a": 1}'$$),

    ('transaction_terms_rates_are_positive', $$fx_rate = 0$$, $$fx_rate = 0.01$$),
    ('transaction_terms_rates_are_positive', $$fx_rate = null, fee_fx_rate = -1$$, $$fee_fx_rate = 1$$),
    ('transaction_terms_fee_currency_is_a_code', $$fee_currency = 'usd'$$, $$fee_currency = 'EUR'$$),
    ('transaction_terms_ratio_is_complete', $$ratio_numerator = 2$$, $$ratio_numerator = 2, ratio_denominator = 1$$),
    ('transaction_terms_numbers_are_of_possible_size', $$stated_quantity = 1e31$$, $$stated_quantity = -1e29$$),
    ('transaction_terms_ratio_is_positive', $$ratio_numerator = 0, ratio_denominator = 1$$, $$ratio_numerator = 0.5, ratio_denominator = 3$$),
    ('transaction_terms_basis_fraction_is_a_share', $$basis_fraction = 1.01$$, $$basis_fraction = 1$$),
    ('transaction_terms_amounts_are_not_negative', $$supplied_basis = -0.01$$, $$supplied_basis = 0$$),
    ('transaction_terms_amounts_are_not_negative', $$donor_basis = 5, market_value = -1$$, $$donor_basis = 5, market_value = 1$$),
    ('transaction_links_join_two', $$to_id = from_id$$, $$kind = 'correction'$$),
    ('lot_picks_order_counts_from_one', $$pick_order = 0$$, $$pick_order = 2$$),
    ('lot_picks_quantity_is_positive', $$quantity = 0$$, $$quantity = 0.001$$),
    ('instrument_facts_numbers_are_of_possible_size', $$deliverable_cash = 'NaN'$$, $$deliverable_cash = 12$$),
    ('instrument_facts_deliverable_shares_is_positive', $$deliverable_shares = 0$$, $$deliverable_shares = 12$$),
    ('instrument_facts_identical_group_is_not_blank', $$identical_group = ' '$$, $$identical_group = 'sp500'$$),
    ('instrument_facts_is_not_on_itself', $$underlying_instrument_id = instrument_id$$, $$underlying_instrument_id = null$$),
    ('instrument_facts_name_is_plain', $$name = e'a\u009bb'$$, $$name = 'a b'$$),
    ('instrument_facts_exchange_is_plain', $$exchange = repeat('a', 41)$$, $$exchange = 'NYSE'$$),
    ('instrument_facts_expiration_is_a_day', $$expiration = 'infinity'$$, $$expiration = '2030-12-31'$$),
    ('corrected_books_cause_is_a_plain_name', $$cause = 'A b'$$, $$cause = '0002_x'$$),
    ('corrected_books_rebuilt_have_figures', $$before = '{}'$$, $$before = '{}', after = '{}', rebuilt_at = now()$$),
    ('identity_counts_added_is_not_negative', $$added = -1$$, $$added = 0$$),
    ('identity_counts_allowed_is_of_possible_size', $$allowed = -1$$, $$allowed = 0$$),
    ('price_actions_is_a_day', $$acted_on = 'infinity'$$, $$acted_on = '2024-06-10'$$),
    ('price_actions_reason_is_given', $$reason = ' a '$$, $$reason = 'ten for one'$$),
    ('instrument_facts_index_family_is_not_blank', $$index_family = ' '$$, $$index_family = 'large caps'$$),

    (
        'lot_state_gift_is_complete',
        $$gift_loss_basis = 5, gift_loss_holding_start = null$$,
        $$gift_loss_basis = 5, gift_loss_holding_start = '2024-01-01'$$
    ),
    ('closings_quantity_is_not_negative', $$quantity = -1$$, $$quantity = 0$$),
    ('closings_money_is_in_cents', $$proceeds = 1.001, basis = 1, disallowed = 0$$, $$proceeds = 1.01, basis = 1, disallowed = 0$$),
    ('closings_money_is_in_cents', $$proceeds = 1, basis = 1.999, disallowed = 0$$, $$proceeds = null, basis = null, disallowed = 0$$),
    ('closings_disallowed_is_within_the_loss', $$proceeds = 100, basis = 150, disallowed = 50.01$$, $$proceeds = 100, basis = 150, disallowed = 50$$),
    ('closings_disallowed_is_within_the_loss', $$proceeds = null, basis = 150, disallowed = 1$$, $$proceeds = 150, basis = 100, disallowed = 0$$),
    (
        'closings_disallowed_is_within_the_loss',
        $$proceeds = 100, basis = 150, disallowed = 30, permanently_disallowed = 21$$,
        $$proceeds = 100, basis = 150, disallowed = 30, permanently_disallowed = 20$$
    ),
    ('closings_box_is_a_letter', $$box = 'M'$$, $$box = 'L'$$),
    ('wash_matches_quantity_is_positive', $$quantity = 0$$, $$quantity = 0.5$$),
    ('wash_matches_amount_is_in_cents', $$amount = 1.001$$, $$amount = 1.01$$),
    ('wash_matches_amount_is_in_cents', $$amount = -1$$, $$amount = 0$$),

    ('settings_bcrypt_cost_is_slow_enough', $$bcrypt_cost = 9$$, $$bcrypt_cost = 10$$),
    ('settings_access_is_short', $$access_minutes = 61$$, $$access_minutes = 60$$),
    ('settings_session_ends', $$session_days = 0$$, $$session_days = 1$$),
    ('settings_writes_are_limited', $$writes_per_second = 0$$, $$writes_per_second = 1$$),
    ('settings_staged_is_limited', $$staged_megabytes = 0$$, $$staged_megabytes = 1$$),
    ('settings_stored_is_limited', $$stored_megabytes = 0$$, $$stored_megabytes = 1$$),
    ('settings_site_url_is_an_address', $$site_url = 'javascript:x'$$, $$site_url = 'https://example.test'$$),
    ('settings_site_url_is_an_address', $$site_url = 'https://example.test/'$$, $$site_url = null$$),
    ('settings_is_one_row', $$only_row = false$$, $$only_row = true$$),
    ('signing_keys_secret_is_long_enough', $$secret = decode(repeat('00', 31), 'hex')$$, $$secret = decode(repeat('00', 32), 'hex')$$),
    ('signing_keys_place_counts_from_one', $$place = 0$$, $$place = 7$$),
    ('credentials_password_is_bcrypt', $$password_hash = 'plain'$$, $$password_hash = null$$),
    ('credentials_password_is_bcrypt', $$password_hash = '$2a$06$' || repeat('a', 53)$$, $$password_hash = '$2a$12$' || repeat('a', 53)$$),
    (
        'credentials_totp_secret_is_long_enough', $$totp_secret = decode(repeat('00', 19), 'hex')$$,
        $$totp_secret = decode(repeat('00', 20), 'hex')$$
    ),
    ('credentials_totp_is_confirmed_with_a_secret', $$totp_secret = null$$, $$totp_secret = null, totp_confirmed_at = null$$),
    ('recovery_codes_digest_is_sha256', $$code_digest = '\x00'$$, $$code_digest = sha256('x')$$),
    ('registrations_digest_is_sha256', $$token_digest = '\x00'$$, $$token_digest = sha256('x')$$),
    ('registrations_email_is_lower_case_address', $$email = 'Ann@example.test'$$, $$email = 'ann@other.test'$$),
    ('registrations_password_is_bcrypt', $$password_hash = 'plain'$$, $$password_hash = '$2a$12$' || repeat('a', 53)$$),
    ('one_time_tokens_digest_is_sha256', $$token_digest = '\x00'$$, $$token_digest = sha256('x')$$),
    ('one_time_tokens_new_email_is_named', $$purpose = 'email'$$, $$purpose = 'email', email = 'a@b'$$),
    ('sessions_label_is_short', $$label = repeat('x', 201)$$, $$label = repeat('x', 200)$$),
    ('sessions_method_is_known', $$method = 'magic'$$, $$method = 'oauth:google'$$),
    ('sessions_end_has_a_reason', $$ended_at = now()$$, $$ended_at = now(), ended_because = 'signed out'$$),
    ('refresh_tokens_digest_is_sha256', $$token_digest = '\x00'$$, $$token_digest = sha256('x')$$),
    ('refresh_tokens_used_origin_digest_is_sha256', $$used_origin_digest = '\x00'$$, $$used_origin_digest = sha256('x')$$),
    ('refresh_tokens_follows_is_sha256', $$follows = '\x00'$$, $$follows = sha256('x')$$),
    ('api_keys_name_is_short_and_not_blank', $$name = ' '$$, $$name = 'n'$$),
    ('api_keys_prefix_is_eight_letters', $$prefix = 'ABCDEF01'$$, $$prefix = 'abcdef01'$$),
    ('api_keys_digest_is_sha256', $$key_digest = '\x00'$$, $$key_digest = sha256('x')$$),
    ('api_keys_may_do_something', $$scopes = '{}'$$, $$scopes = '{read}'$$),
    ('api_keys_accounts_are_named_or_all', $$account_ids = '{}'$$, $$account_ids = '{1}'$$),
    ('jobs_kind_is_a_plain_name', $$kind = 'Totals'$$, $$kind = 'section_104'$$),
    ('jobs_arguments_are_a_small_object', $$arguments = '[]'$$, $$arguments = '{"a": 1}'$$),
    ('jobs_arguments_are_a_small_object', $$arguments = jsonb_build_object('a', repeat('a', 65536))$$, $$arguments = jsonb_build_object('a', repeat('a', 65000))$$),
    ('jobs_asked_as_is_an_object', $$asked_as = '1'$$, $$asked_as = '{}'$$),
    ('jobs_key_is_short', $$idempotency_key = ''$$, $$idempotency_key = 'k'$$),
    ('jobs_key_is_short', $$idempotency_key = repeat('k', 201)$$, $$idempotency_key = repeat('k', 200)$$),
    ('jobs_progress_is_within_the_whole', $$done = 3, total = 2$$, $$done = 2, total = 2$$),
    ('jobs_progress_is_within_the_whole', $$done = -1$$, $$done = 7$$),
    ('jobs_running_is_claimed', $$status = 'running'$$, $$status = 'running', worker = 'w', claimed_until = now(), started_at = now()$$),
    ('jobs_ended_has_a_time', $$status = 'finished'$$, $$status = 'finished', finished_at = now()$$),
    ('jobs_ended_has_a_time', $$finished_at = now()$$, $$finished_at = null$$),
    ('jobs_failed_says_why', $$status = 'failed', finished_at = now()$$, $$status = 'failed', finished_at = now(), error = '{}'$$),
    ('jobs_failed_says_why', $$error = '{}'$$, $$error = null$$),
    ('jobs_attempts_are_counted', $$attempts = -1$$, $$attempts = 1$$),
    ('heartbeats_worker_is_short', $$worker = ''$$, $$worker = 'w'$$),
    ('heartbeats_follow_the_start', $$seen_at = started_at - interval '1 second'$$, $$seen_at = started_at$$),
    ('turns_kind_is_a_plain_name', $$kind = 'Seal it'$$, $$kind = 'seal'$$),
    ('turns_claimed_by_somebody', $$claimed_until = now(), worker = null$$, $$claimed_until = now(), worker = 'w'$$),
    ('turns_failures_are_counted', $$failures = -1$$, $$failures = 1$$),
    ('grants_are_for_others', $$grantee_id = user_id$$, $$access = 'write'$$),
    (
        'grants_administration_has_reason_and_end', $$kind = 'administration'$$,
        $$kind = 'administration', reason = 'asked for help', expires_at = now()$$
    ),
    ('mails_waiting_has_a_body', $$body = null, status = 'waiting'$$, $$status = 'dead', body = null$$),
    ('mails_sent_keeps_no_body', $$status = 'sent'$$, $$status = 'sent', body = null, sent_at = now()$$),
    ('mails_attempts_count_up', $$attempts = -1$$, $$attempts = 1$$),
    ('identities_provider_is_a_name', $$provider = 'Google!'$$, $$provider = 'github'$$),
    ('identities_subject_is_short', $$subject = ''$$, $$subject = repeat('x', 255)$$),
    ('sessions_origin_digest_is_sha256', $$origin_digest = '\x00'$$, $$origin_digest = sha256('x')$$),
    ('oauth_requests_digest_is_sha256', $$state_digest = '\x00'$$, $$state_digest = sha256('x')$$),
    (
        'oauth_requests_subject_waits_for_its_ticket', $$subject = 'x', ticket_digest = null, person_id = null$$, $$subject = 'x'$$
    ),
    ('oauth_requests_challenge_is_sha256', $$challenge = 'short'$$, $$challenge = repeat('x', 43)$$),
    (
        'oauth_requests_ticket_is_for_a_person', $$ticket_digest = null$$, $$ticket_digest = null, person_id = null$$
    ),

    ('files_size_is_not_negative', $$size_bytes = -1$$, $$size_bytes = 0$$),
    ('files_stored_is_not_negative', $$stored_bytes = -1$$, $$stored_bytes = 0$$),
    ('files_reading_is_sha256', $$reading = 'ff'$$, $$reading = repeat('0f', 32)$$),
    ('staged_parts_records_is_positive', $$records = 0$$, $$records = 1$$),
    ('staged_parts_bytes_is_positive', $$bytes = 0$$, $$bytes = 1$$),
    ('files_warnings_is_a_list', $$warnings = '{}'$$, $$warnings = '[{}]'$$),
    ('files_report_is_an_object', $$report = '[]'$$, $$report = '{"a": 1}'$$),
    ('lines_number_counts_from_one', $$line_number = 0$$, $$line_number = 99$$),
    ('lines_refused_has_a_reason', $$verdict = 'refused', reason = null$$, $$verdict = 'refused', reason = 'why'$$),
    ('line_picks_quantity_is_positive', $$quantity = 0$$, $$quantity = 0.001$$),
    ('corrections_reason_is_given', $$reason = ' x '$$, $$reason = 'why'$$),
    ('corrections_corrected_is_an_object', $$corrected = '[]'$$, $$corrected = '{}'$$),
    ('broker_positions_numbers_are_of_possible_size', $$quantity = 1e31$$, $$quantity = -1e29$$),
    ('broker_positions_currency_is_a_code', $$currency = '$'$$, $$currency = 'EUR'$$),
    ('instrument_facts_is_not_merged_into_itself', $$merged_into_instrument_id = instrument_id$$, $$merged_into_instrument_id = null$$),
    ('acceptances_detail_is_empty_or_sha256', $$detail = 'x'$$, $$detail = repeat('a', 64)$$),
    ('acceptances_reason_is_given', $$reason = ' x '$$, $$reason = 'why'$$),
    ('acceptances_revoked_has_a_reason', $$revoked_at = now()$$, $$revoked_at = now(), revoke_reason = 'why'$$),
    ('decisions_same_keeps_a_source', $$verdict = 'same', kept_source = null$$, $$verdict = 'same', kept_source = 'ofx'$$),
    ('decisions_same_keeps_a_source', $$kept_source = 'ofx'$$, $$kept_source = null$$),
    ('decisions_reason_is_given', $$reason = ' x '$$, $$reason = 'why'$$),
    ('decisions_undone_has_a_reason', $$undone_at = now()$$, $$undone_at = now(), undo_reason = 'why'$$),
    ('matches_join_two_sources', $$counted_source = source$$, $$counted_source = 'other'$$),
    ('matches_decided_names_its_decision', $$rule = 'decided'$$, $$rule = 'fills'$$),
    ('instrument_changes_join_two', $$into_instrument_id = from_instrument_id$$, $$kind = 'merge'$$),
    ('instrument_changes_moved_is_an_object', $$moved = '[]'$$, $$moved = '{}'$$),
    ('instrument_changes_reason_is_given', $$reason = ' x '$$, $$reason = 'why'$$),
    ('instrument_changes_undone_has_a_reason', $$undone_at = now()$$, $$undone_at = now(), undo_reason = 'why'$$),
    ('broker_lots_numbers_are_of_possible_size', $$cost_basis = 1e31$$, $$cost_basis = 1e29$$),
    ('broker_lots_currency_is_a_code', $$currency = '$'$$, $$currency = 'EUR'$$),
    ('feeds_name_is_short_and_plain', $$name = 'My feed'$$, $$name = 'my-feed_1'$$),
    ('feeds_settings_is_an_object', $$settings = '[]'$$, $$settings = '{}'$$),
    ('feeds_settings_hold_no_secret', $$settings = '{"token": "x"}'$$, $$settings = '{"query": "1"}'$$),
    ('feeds_overlap_is_days', $$overlap_days = 0$$, $$overlap_days = 90$$),
    ('feeds_fetched_is_after_since', $$fetched_through = since - 2$$, $$fetched_through = since - 1$$),
    ('feeds_due_in_hours_or_days', $$due_every = '59 minutes'$$, $$due_every = '31 days'$$),
    ('feeds_silent_after_days', $$silent_after = '0'$$, $$silent_after = '400 days'$$),
    ('sync_attempts_try_counts_from_one', $$try_number = 0$$, $$try_number = 2$$),
    ('sync_attempts_ask_for_days', $$asked_from = asked_through + 1$$, $$asked_from = asked_through$$),
    ('sync_attempts_failure_is_a_code', $$failure = 'It failed'$$, $$failure = 'flex_1018'$$),
    ('sync_attempts_rows_are_not_negative', $$rows_new = -1$$, $$rows_new = 1$$),
    ('sync_attempts_documents_is_a_list', $$documents = '{}'$$, $$documents = '[{}]'$$),
    ('sync_attempts_warnings_is_a_list', $$warnings = '""'$$, $$warnings = '["late"]'$$),
    ('today_executions_id_is_short', $$execution_id = ''$$, $$execution_id = repeat('x', 100)$$),
    ('today_executions_move_units', $$quantity = 0$$, $$quantity = -0.5$$),
    ('today_executions_price_is_not_negative', $$price = -0.01$$, $$price = 0$$),
    ('today_executions_currency_is_a_code', $$currency = '$'$$, $$currency = 'EUR'$$),
    ('feed_credentials_are_sealed', $$sealed = 'token of ' || repeat('x', 100)$$, $$sealed = 'gAAAA' || repeat('b', 95)$$),
    ('held_prices_are_positive', $$close = 0$$, $$close = 0.01$$),
    ('held_prices_are_positive', $$previous_close = 0$$, $$previous_close = 0.01$$),
    ('broker_cash_numbers_are_of_possible_size', $$amount = 1e31$$, $$amount = 1e29$$),
    ('broker_cash_currency_is_a_code', $$currency = '$'$$, $$currency = 'EUR'$$),
    ('reconciliations_digest_is_sha256', $$inputs_digest = ''$$, $$inputs_digest = repeat('0', 64)$$),
    ('reconciliations_checked_is_an_object', $$checked = '[]'$$, $$checked = '{}'$$),
    ('findings_evidence_is_an_object', $$evidence = '[]'$$, $$evidence = '{}'$$),
    ('findings_accepted_has_a_reason', $$status = 'accepted', reason = 'no'$$, $$status = 'accepted', reason = 'yes'$$),
    ('findings_accepted_has_a_reason', $$status = 'accepted', reason = null$$, $$status = 'open', reason = null$$),
    ('staging_kind_is_known', $$kind = 'row'$$, $$kind = 'transaction'$$),
    ('database_logins_are_our_own', $$login_name = 'postgres'$$, $$login_name = 'qm_a'$$),
    ('links_digests_are_sha256', $$link_digest = '\x00'$$, $$link_digest = sha256('')$$),
    ('checkpoints_digests_are_sha256', $$link_digest = '\x00'$$, $$link_digest = sha256('')$$),
    ('epochs_are_counted', 'number = 0', 'number = 2'),
    ('epochs_begin_before_they_are_told', 'first_entry = log_id + 1', 'first_entry = log_id'),
    ('epochs_begin_before_they_are_told', 'first_entry = 0', 'first_entry = 1');

insert into tries (name, refused, accepted, base) values
    ('tax_lots_piece_counts_from_one', $$piece = 0$$, $$piece = 99$$, 'closed_at is null'),
    (
        'tax_lots_quantity_opened_is_positive',
        $$quantity_opened = 0, quantity_remaining = 0, closed_at = now()$$,
        $$quantity_opened = 0.1, quantity_remaining = 0, closed_at = now()$$,
        'closed_at is null'
    ),
    ('tax_lots_remaining_is_within_opened', $$quantity_remaining = quantity_opened + 1$$, $$quantity_remaining = quantity_opened$$, 'closed_at is null'),
    ('tax_lots_remaining_is_within_opened', $$quantity_remaining = -1$$, $$quantity_remaining = quantity_opened / 2$$, 'closed_at is null'),
    ('tax_lots_closed_when_nothing_remains', $$quantity_remaining = 0$$, $$quantity_remaining = 0, closed_at = now()$$, 'closed_at is null'),
    ('tax_lots_closed_when_nothing_remains', $$closed_at = now()$$, $$closed_at = null$$, 'closed_at is null'),
    (
        'tax_lots_unknown_basis_is_null_not_zero',
        $$basis_status = 'unknown', cost_remaining = 0$$,
        $$basis_status = 'unknown', cost_remaining = null$$,
        'closed_at is null'
    ),
    (
        'tax_lots_unknown_basis_is_null_not_zero',
        $$basis_status = 'known', cost_remaining = null$$,
        $$basis_status = 'known', cost_remaining = 0$$,
        'closed_at is null'
    ),
    ('tax_lots_cost_is_in_cents', $$cost_remaining = 1.001, basis_status = 'known'$$, $$cost_remaining = 1.01, basis_status = 'known'$$, 'closed_at is null'),
    ('tax_lots_metadata_is_an_object', $$metadata = '[]'$$, $$metadata = '{"a": 1}'$$, 'closed_at is null'),

    ('transactions_source_is_a_plain_name', $$source = 'My Broker'$$, $$source = 'my_broker'$$, $$transaction_type = 'buy'$$),
    ('transactions_dedupe_key_is_not_blank', $$dedupe_key = ''$$, $$dedupe_key = 'k'$$, $$transaction_type = 'buy'$$),
    ('transactions_dedupe_key_is_not_blank', $$dedupe_key = repeat('k', 201)$$, $$dedupe_key = repeat('k', 200)$$, $$transaction_type = 'buy'$$),
    ('transactions_currency_is_a_code', $$currency = 'us$'$$, $$currency = 'EUR'$$, $$transaction_type = 'buy'$$),
    (
        'transactions_trade_date_is_plausible',
        $$trade_date = '1899-12-31', executed_at = null$$, $$trade_date = '1900-01-01', executed_at = null$$, $$transaction_type = 'buy'$$
    ),
    (
        'transactions_trade_date_is_plausible',
        $$trade_date = '2200-01-01', executed_at = null$$, $$trade_date = '2199-12-31', executed_at = null$$, $$transaction_type = 'buy'$$
    ),
    ('transactions_settle_near_the_trade', $$settlement_date = trade_date + 367$$, $$settlement_date = trade_date + 366$$, $$transaction_type = 'buy'$$),
    ('transactions_settle_near_the_trade', $$settlement_date = trade_date - 367$$, $$settlement_date = trade_date - 366$$, $$transaction_type = 'buy'$$),
    (
        'transactions_instant_is_near_trade_date',
        $$executed_at = (trade_date + 5)::timestamp at time zone 'UTC'$$,
        $$executed_at = (trade_date + 5)::timestamp at time zone 'UTC' - interval '1 second'$$,
        $$transaction_type = 'buy'$$
    ),
    (
        'transactions_instant_is_near_trade_date',
        $$executed_at = (trade_date - 4)::timestamp at time zone 'UTC' - interval '1 second'$$,
        $$executed_at = (trade_date - 4)::timestamp at time zone 'UTC'$$,
        $$transaction_type = 'buy'$$
    ),
    ('transactions_price_is_not_negative', $$price = -0.01$$, $$price = 0$$, $$transaction_type = 'buy'$$),
    ('transactions_numbers_are_of_possible_size', $$quantity = 'NaN'$$, $$quantity = 1e20$$, $$transaction_type = 'buy'$$),
    ('transactions_numbers_are_of_possible_size', $$quantity = 1e31$$, $$quantity = 1e29$$, $$transaction_type = 'buy'$$),
    (
        'transactions_numbers_are_of_possible_size', $$price = ('0.' || repeat('0', 100) || '1')::numeric$$,
        $$price = ('0.' || repeat('0', 99) || '1')::numeric$$, $$transaction_type = 'buy'$$
    ),
    ('transactions_numbers_are_of_possible_size', $$price = 'Infinity'$$, $$price = 1e9$$, $$transaction_type = 'buy'$$),
    ('transactions_numbers_are_of_possible_size', $$fees = 'NaN', gross_amount = null$$, $$fees = 0$$, $$transaction_type = 'buy'$$),
    ('transactions_numbers_are_of_possible_size', $$commission = '-Infinity', gross_amount = null$$, $$gross_amount = null$$, $$transaction_type = 'buy'$$),
    ('transactions_numbers_are_of_possible_size', $$net_amount = 'NaN', gross_amount = 'NaN'$$, $$net_amount = 0, gross_amount = 0$$, $$transaction_type = 'buy'$$),
    (
        'transactions_trades_have_an_instrument',
        $$instrument_id = null$$,
        $$instrument_id = null, transaction_type = 'deposit', quantity = null$$,
        $$transaction_type = 'buy'$$
    ),
    ('transactions_net_is_gross_and_costs', $$net_amount = net_amount + 0.01$$, $$net_amount = gross_amount$$, $$transaction_type = 'buy'$$),
    ('transactions_net_is_gross_and_costs', $$commission = commission - 1$$, $$commission = commission - 1, net_amount = net_amount - 1$$, $$transaction_type = 'buy'$$),
    ('transactions_metadata_is_an_object', $$metadata = '[]'$$, $$metadata = '{"a": 1}'$$, $$transaction_type = 'buy'$$);

insert into tries (name, refused, accepted, base)
select
    'transactions_quantity_has_the_sign_of_its_type',
    format('transaction_type = %L, quantity = %s', t.type, t.refused),
    format('transaction_type = %L, quantity = %s', t.type, t.accepted),
    $$transaction_type = 'buy'$$
from (
    values
        ('buy', '0', '0.1'), ('buy', 'null', '1'), ('reinvest', '-1', '1'), ('sell', '1', '-1'), ('sell', 'null', '-1'), ('gift_in', '0', '1'),
        ('inheritance', '-1', '1'), ('gift_out', '1', '-1'), ('transfer_in', '-1', 'null'), ('transfer_out', '1', 'null'),
        ('promotion', '-1', '1'), ('deposit', '1', 'null'), ('withdrawal', '-1', 'null')
) t (type, refused, accepted);

-- A try changes one row of ann; of a table that all share, the row made here.
create function pg_temp.changing(p_table text, p_change text, p_base text default 'true')
returns text
language sql
as $$
    select format(
        'update %1$s set %2$s where ctid = (select t.ctid from %1$s t where %3$s and (%4$s) order by t.ctid limit 1)',
        p_table,
        p_change,
        case
            when p_table = 'core.users' then format('t.id = %L', tests.user_id('ann'))
            when p_table in (select tenant.table_name from tests.tenant_tables tenant) then format('t.user_id = %L', tests.user_id('ann'))
            when p_table = 'core.instruments' then $i$t.symbol = 'ZQANN'$i$
            else 'true'
        end,
        p_base
    )
$$;

-- A copy of one row of ann with other values in the named columns, so that it meets no other key than the one tried.
create function pg_temp.copying(p_table oid, p_others smallint[])
returns text
language sql
as $$
    select format(
        'insert into %1$s (%2$s) overriding system value select %3$s from %1$s t where %4$s order by t.ctid limit 1',
        p_table::regclass,
        string_agg(quote_ident(a.attname), ', ' order by a.attnum),
        string_agg(
            case
                when a.attnum <> all (p_others) then format('t.%I', a.attname)
                when a.atttypid in ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype) then format('t.%I + 1000', a.attname)
                when a.atttypid = 'uuid'::regtype then 'gen_random_uuid()'
                when a.atttypid in ('date'::regtype, 'timestamptz'::regtype) then format('t.%I + interval ''1 day''', a.attname)
                when a.atttypid = 'text'::regtype
                    then format('t.%1$I || case when t.%1$I = upper(t.%1$I) then ''Z'' else ''z'' end', a.attname)
                else format('t.%I', a.attname)
            end,
            ', ' order by a.attnum
        ),
        case
            when p_table = 'core.users'::regclass then format('t.id = %L', tests.user_id('ann'))
            when p_table in (select tenant.table_oid from tests.tenant_tables tenant) then format('t.user_id = %L', tests.user_id('ann'))
            when p_table = 'core.instruments'::regclass then $i$t.symbol = 'ZQANN'$i$
            else 'true'
        end
    )
    from pg_attribute a
    where a.attrelid = p_table
        and a.attnum > 0
        and not a.attisdropped
$$;

select plan((
    select
        1 + 2 * (select count(*) from tries)
        + (select count(*) from constraints c where c.kind in ('p', 'u'))
        + (select count(*) from constraints c where c.kind = 'f')
        + (select count(*) from constraints c where c.kind = 'f' and cardinality(c.key) > 1)
        + 5
)::integer);

select tests.fixture_two_tenants();
insert into core.market_data (instrument_id, interval, as_of, close, source)
select i.id, '1d', now(), 10, 'test'
from core.instruments i
where i.symbol = 'ZQANN';
insert into ingest.held_prices (instrument_id, interval, as_of, close, source, previous_close, previous_as_of)
select i.id, '1d', now(), 10, 'test', 5, now()
from core.instruments i
where i.symbol = 'ZQANN';
insert into ingest.price_actions (instrument_id, acted_on, reason)
select i.id, '2024-06-10', 'a split'
from core.instruments i
where i.symbol = 'ZQANN';
insert into audit.links (position, log_id, values_digest, link_digest)
values (1, 1, sha256(''), sha256('a'));
insert into audit.checkpoints (position, link_digest)
values (1, sha256('a'));
insert into audit.epochs (number, first_entry, log_id, reason)
values (1, 2, 9000000000, 'restored');

-- Constraints alone are tried here: the triggers of our own would answer first, or derive rows anew.
do $$
declare
    v_table text;
begin
    for v_table in select distinct c.table_name from constraints c loop
        execute format('alter table %s disable trigger user', v_table);
    end loop;
end
$$;

select is_empty(
    $$
        select c.name
        from constraints c
        where c.kind = 'c'
            and c.name not in (select t.name from tries t)
    $$,
    'every check has a try'
);

select is(
    tests.broken_constraint(pg_temp.changing(c.table_name, t.refused, t.base)),
    t.name,
    format('%s refuses %s', t.name, t.refused)
)
from tries t
left join constraints c on c.name = t.name;

select is(
    tests.attempt(pg_temp.changing(c.table_name, t.accepted, t.base)),
    '1',
    format('%s takes %s', t.name, t.accepted)
)
from tries t
left join constraints c on c.name = t.name;

select is(
    tests.broken_constraint(
        pg_temp.copying(
            c.table_oid,
            -- Every column of the other keys that is none of this one.
            array(
                select unnest(o.key)
                from constraints o
                where o.table_oid = c.table_oid
                    and o.kind in ('p', 'u')
                    and o.oid <> c.oid
                except
                select unnest(c.key)
            )
        )
    ),
    c.name,
    format('%s refuses the same key again', c.name)
)
from constraints c
where c.kind in ('p', 'u');

select is(
    tests.broken_constraint(
        case
            when (select a.attname from pg_attribute a where a.attrelid = c.table_oid and a.attnum = c.key[cardinality(c.key)]) = 'user_id'
                then pg_temp.copying(
                    c.table_oid,
                    array(select unnest(o.key) from constraints o where o.table_oid = c.table_oid and o.kind in ('p', 'u'))
                )
            else pg_temp.changing(
                c.table_name,
                (
                    select format('%I = %s', a.attname, case a.atttypid when 'uuid'::regtype then 'gen_random_uuid()' else '-1' end)
                    from pg_attribute a
                    where a.attrelid = c.table_oid
                        and a.attnum = c.key[cardinality(c.key)]
                )
            )
        end
    ),
    c.name,
    format('%s refuses what is not there', c.name)
)
from constraints c
where c.kind = 'f';

-- The row of another person is as good as absent: no error tells them apart.
select is(
    tests.broken_constraint(
        pg_temp.changing(
            c.table_name,
            format(
                '%1$I = (select (array_agg(o.%2$I order by o.%2$I desc))[1] from %3$s o where o.user_id = %4$L)',
                (select a.attname from pg_attribute a where a.attrelid = c.table_oid and a.attnum = c.key[2]),
                (select a.attname from pg_attribute a where a.attrelid = c.target_oid and a.attnum = c.target_key[2]),
                c.target_oid::regclass,
                tests.user_id('bob')
            )
        )
    ),
    c.name,
    format('%s refuses a row of another person', c.name)
)
from constraints c
where c.kind = 'f'
    and cardinality(c.key) > 1;

-- Keys in which null is a value, and the key that is an index.
select is(
    tests.broken_constraint(format(
        $$
            insert into tax.lot_method_elections (user_id, account_id, method, effective_from)
            select a.user_id, a.id, m.method, date '2024-01-01'
            from core.accounts a
            cross join (values ('fifo'::core.lot_method), ('lifo')) m (method)
            where a.user_id = %L
        $$,
        tests.user_id('ann')
    )),
    'lot_method_elections_one_per_day',
    'lot_method_elections_one_per_day holds for a whole account too'
);
select is(
    tests.broken_constraint(format(
        $$
            insert into tax.notices (user_id, group_id, code, transaction_id, sentence)
            select n.user_id, n.group_id, n.code, n.transaction_id, n.sentence
            from tax.notices n
            where n.user_id = %L
                and n.related_transaction_id is null
        $$,
        tests.user_id('ann')
    )),
    'notices_said_once',
    'notices_said_once holds without a related transaction too'
);
select is(
    tests.broken_constraint(pg_temp.copying('core.sync_history'::regclass, '{2}')),
    'sync_history_file_imported_once',
    'sync_history_file_imported_once refuses a file that is imported'
);
select is(
    tests.attempt(format(
        $$update core.sync_history set status = 'undone' where user_id = %1$L and kind = 'import'; %2$s$$,
        tests.user_id('ann'),
        replace(
            replace(pg_temp.copying('core.sync_history'::regclass, '{2}'), 't.status', '''finished'''),
            'order by', 'and t.kind = ''import'' order by'
        )
    )),
    '1',
    'sync_history_file_imported_once takes a file again whose import was undone'
);
select is(
    tests.attempt(format(
        $$
            insert into core.accounts (user_id, broker, account_number, name)
            select %L, a.broker, a.account_number, a.name
            from core.accounts a
            where a.user_id = %L
        $$,
        tests.user_id('bob'), tests.user_id('ann')
    )),
    '2',
    'another person may use the same number and name'
);

select * from finish();
rollback;
