-- Alerts of V1: one row each, with its conditions folded in. They are judged apart from what moves shares or cash, and no figure of the proof rests on them.

create function legacy.alerts(p_user_id uuid, p_load_id uuid)
returns table (source text, id bigint, alert_id bigint, symbol text, reason text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with people as materialized (
        select (s.payload ->> 'id')::bigint as id
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_users'
        and s.payload ->> 'id' is not null
    ),
    stated as materialized (
        select
            (s.payload ->> 'id')::bigint as id, (s.payload ->> 'user_id')::bigint as user_id,
            legacy.symbol(s.payload ->> 'symbol') as symbol
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_alerts'
    ),
    judged as materialized (
        select
            a.id, a.symbol,
            case
                when a.user_id is null or a.user_id not in (select p.id from people p) then 'orphan_user'
                when coalesce(a.symbol, 'UNKNOWN') = 'UNKNOWN' or length(a.symbol) > 64 then 'unknown_symbol'
            end as reason
        from stated a
    ),
    conditions as materialized (
        select (s.payload ->> 'id')::bigint as id, (s.payload ->> 'alert_id')::bigint as alert_id
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_alert_conditions'
    )
    select 'alerts', j.id, j.id, j.symbol, j.reason
    from judged j
    union all
    select
        'alert_conditions', c.id, c.alert_id, null,
        case when j.id is null then 'orphan_alert' when j.reason is not null then 'alert_not_kept' end
    from conditions c
    left join judged j on j.id = c.alert_id
$$;

comment on function legacy.alerts(uuid, uuid) is 'Every alert of V1 and every condition of one; reason is set where it is not carried over. A condition goes with its alert.';

-- What V1 called an alert is free text; only what says that it is about volume or a position is something else than a price. The word itself is kept.
create function legacy.alert_type(p_type text)
returns core.alert_type
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (case
        when lower(p_type) ~ 'price' then 'price'
        when lower(p_type) ~ 'volume' then 'volume'
        when lower(p_type) ~ 'position|portfolio' then 'position'
        else 'price'
    end)::core.alert_type
$$;

comment on function legacy.alert_type(text) is 'An alert type of V1 as one of ours.';

-- An alert is known by its V1 id, whatever has become of it since. Instruments are those of the load: what was traded or held under that symbol, else a share.
create function legacy.keep_alerts(p_user_id uuid, p_load_id uuid, p_sync_id bigint, p_frozen_at timestamptz, p_instruments jsonb)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_alert record;
    v_name text;
    v_number bigint;
    v_made integer := 0;
begin
    for v_alert in
        with kept as materialized (
            select k.id, k.symbol
            from legacy.alerts(p_user_id, p_load_id) k
            where k.source = 'alerts'
            and k.reason is null
        ),
        named as materialized (
            select
                a.*, k.symbol as our_symbol, coalesce(left(nullif(btrim(regexp_replace(a.name, '\s+', ' ', 'g')), ''), 180), 'Alert ' || a.id) as our_name
            from ingest.staging s
            cross join lateral jsonb_to_record(s.payload) as a (
                id bigint, name text, description text, alert_type text, is_active boolean, is_repeating boolean, max_triggers bigint,
                current_triggers bigint, notify_discord boolean, notify_email boolean, notify_app boolean, priority text, created_at timestamptz,
                last_triggered timestamptz, expires_at timestamptz, custom_message text
            )
            join kept k on k.id = a.id
            where s.load_id = p_load_id
            and s.user_id = p_user_id
            and s.kind = 'v1_alerts'
        ),
        conditions as materialized (
            select
                c.alert_id,
                jsonb_agg(
                    jsonb_strip_nulls(jsonb_build_object(
                        'type', c.condition_type,
                        'operator', c.operator,
                        -- What is no number is told as V1 had it.
                        'value', coalesce(legacy.number(c.target_value::numeric, 8)::text, c.target_value),
                        'timeframe', c.timeframe,
                        'logical_operator', c.logical_operator,
                        'group', c.group_id,
                        'parameters', c.indicator_params
                    ))
                    order by c.group_id nulls first, c.id
                ) as conditions,
                jsonb_agg(c.id order by c.group_id nulls first, c.id) as ids
            from ingest.staging s
            cross join lateral jsonb_to_record(s.payload) as c (
                id bigint, alert_id bigint, condition_type text, operator text, target_value text, timeframe text, logical_operator text, group_id bigint,
                indicator_params text
            )
            where s.load_id = p_load_id
            and s.user_id = p_user_id
            and s.kind = 'v1_alert_conditions'
            group by c.alert_id
        ),
        instruments as materialized (
            select distinct on (s.payload ->> 'symbol')
                s.payload ->> 'symbol' as symbol,
                concat_ws('|', s.payload ->> 'type', s.payload ->> 'symbol', s.payload ->> 'currency') as key
            from ingest.staging s
            where s.load_id = p_load_id
            and s.user_id = p_user_id
            and s.kind = 'instrument'
            order by
                s.payload ->> 'symbol', s.payload ->> 'type' <> 'stock', s.payload ->> 'currency' <> 'USD', s.payload ->> 'type', s.payload ->> 'currency'
        ),
        known as materialized (
            select e.value as id
            from core.alerts a
            cross join lateral jsonb_array_elements(
                case jsonb_typeof(a.metadata -> 'v1_alerts') when 'array' then a.metadata -> 'v1_alerts' else '[]' end
            ) e
            where a.user_id = p_user_id
        )
        select
            n.id, n.our_name, row_number() over (partition by n.our_name order by n.id) as place, i.key as instrument,
            legacy.alert_type(n.alert_type) as alert_type,
            jsonb_build_object(
                'conditions', coalesce(c.conditions, '[]'),
                'repeats', coalesce(n.is_repeating, false),
                'max_triggers', n.max_triggers,
                'expires_at', case when isfinite(n.expires_at) then n.expires_at end
            ) as condition,
            array_remove(
                array[
                    case when n.notify_email then 'email' end,
                    case when n.notify_app then 'push' end,
                    case when n.notify_discord then 'webhook' end
                ],
                null
            ) as channels,
            (case
                when n.expires_at <= p_frozen_at then 'expired'
                when not n.is_active then 'paused'
                when not coalesce(n.is_repeating, false) and n.current_triggers >= greatest(n.max_triggers, 1) then 'triggered'
                else 'active'
            end)::core.alert_status as status,
            least(greatest(coalesce(n.current_triggers, 0), 0), 2147483647)::integer as trigger_count,
            case when isfinite(n.last_triggered) then n.last_triggered end as last_triggered_at,
            jsonb_strip_nulls(jsonb_build_object(
                'v1_alerts', jsonb_build_array(n.id),
                'v1_alert_conditions', c.ids,
                'v1_alert_type', n.alert_type,
                'v1_created_at', n.created_at,
                'description', n.description,
                'priority', n.priority,
                'custom_message', n.custom_message,
                'sync_id', p_sync_id
            )) as metadata,
            to_jsonb(n.id) in (select k.id from known k) as is_known
        from named n
        left join conditions c on c.alert_id = n.id
        left join instruments i on i.symbol = n.our_symbol
        order by n.id
    loop
        continue when v_alert.is_known;
        v_number := v_alert.place;
        loop
            v_name := v_alert.our_name || case when v_number > 1 then ' (' || v_number || ')' else '' end;
            exit when not exists (select from core.alerts a where a.user_id = p_user_id and a.name = v_name);
            v_number := v_number + 1;
        end loop;
        insert into core.alerts (
            user_id, instrument_id, name, alert_type, condition, channels, status, trigger_count, last_triggered_at, metadata
        )
        values (
            p_user_id, (p_instruments ->> v_alert.instrument)::bigint, v_name, v_alert.alert_type, v_alert.condition, v_alert.channels,
            v_alert.status, v_alert.trigger_count, v_alert.last_triggered_at, v_alert.metadata
        );
        v_made := v_made + 1;
    end loop;
    return v_made;
end
$$;

comment on function legacy.keep_alerts(uuid, uuid, bigint, timestamptz, jsonb) is
    'Makes the alerts of V1 that the person does not have yet, each with its conditions; returns how many.';

grant execute on function
    legacy.alerts(uuid, uuid), legacy.alert_type(text), legacy.keep_alerts(uuid, uuid, bigint, timestamptz, jsonb)
    to quantmatrix_writer;
