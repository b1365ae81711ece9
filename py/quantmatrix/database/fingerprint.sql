-- The catalogue as lines of text: one for each thing that a person made, with all that matters about it and nothing
-- that differs between two databases made alike (object ids, sizes, times). Two databases are alike if and only if
-- their lines are. Not counted: bookkeeping of migrations, and what tests load beside the product.

with schema_of_ours as (
    select n.oid, n.nspname, n.nspowner, n.nspacl
    from pg_catalog.pg_namespace n
    where n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', 'migrations', 'extensions', 'tap', 'tests')
),
relation as (
    select c.*, format('%I.%I', s.nspname, c.relname) as label
    from pg_catalog.pg_class c
    join schema_of_ours s on s.oid = c.relnamespace
    where c.relkind <> 't'
),
grants (kind, label, part, acl) as (
    select 'schema', quote_ident(s.nspname), '', coalesce(s.nspacl, acldefault('n', s.nspowner))
    from schema_of_ours s
    union all
    select 'relation', r.label, '', coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))
    from relation r
    where r.relkind in ('r', 'v', 'm', 'p', 'S', 'f')
    union all
    select 'relation', r.label, quote_ident(a.attname), a.attacl
    from relation r
    join pg_catalog.pg_attribute a on a.attrelid = r.oid
    where a.attacl is not null
        and not a.attisdropped
    union all
    select 'function', format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), '', coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_catalog.pg_proc p
    join schema_of_ours s on s.oid = p.pronamespace
    union all
    select 'type', format('%I.%I', s.nspname, t.typname), '', coalesce(t.typacl, acldefault('T', t.typowner))
    from pg_catalog.pg_type t
    join schema_of_ours s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r') or (t.typtype = 'c' and exists (select from relation r where r.oid = t.typrelid and r.relkind = 'c'))
    union all
    select 'default', format('%s in %s', pg_get_userbyid(d.defaclrole), coalesce(s.nspname, 'all schemas')), d.defaclobjtype::text, d.defaclacl
    from pg_catalog.pg_default_acl d
    left join schema_of_ours s on s.oid = d.defaclnamespace
),
lines (line) as (
    select format('schema %I owner %s', s.nspname, pg_get_userbyid(s.nspowner))
    from schema_of_ours s
    union all
    select format(
        'relation %s kind %s persistence %s owner %s rls %s forced %s options %s view %s',
        r.label, r.relkind, r.relpersistence, pg_get_userbyid(r.relowner), r.relrowsecurity, r.relforcerowsecurity, r.reloptions,
        case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end
    )
    from relation r
    where r.relkind in ('r', 'v', 'm', 'p', 'S', 'f', 'c')
    union all
    select format(
        'column %s %s. %I %s%s collation %s default %s identity %s generated %s storage %s compression %s',
        r.label, row_number() over (partition by r.oid order by a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then ' not null' end, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid),
        a.attidentity, a.attgenerated, a.attstorage, a.attcompression
    )
    from relation r
    join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_catalog.pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    where r.relkind in ('r', 'v', 'm', 'p', 'f', 'c')
    union all
    select format('sequence %s %s', r.label, row_to_json(q)::jsonb - 'seqrelid')
    from relation r
    join pg_catalog.pg_sequence q on q.seqrelid = r.oid
    union all
    select format(
        'constraint %s %I %s valid %s',
        coalesce(r.label, format_type(c.contypid, null)), c.conname, pg_get_constraintdef(c.oid), c.convalidated
    )
    from pg_catalog.pg_constraint c
    join schema_of_ours s on s.oid = c.connamespace
    left join relation r on r.oid = c.conrelid
    where c.contype <> 't'
    union all
    select format('index %s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    from pg_catalog.pg_index i
    join relation r on r.oid = i.indexrelid
    union all
    select format('statistics %s', pg_get_statisticsobjdef(x.oid))
    from pg_catalog.pg_statistic_ext x
    join schema_of_ours s on s.oid = x.stxnamespace
    union all
    select format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_catalog.pg_trigger t
    join relation r on r.oid = t.tgrelid
    where not t.tgisinternal
    union all
    select format('rule %s', pg_get_ruledef(u.oid))
    from pg_catalog.pg_rewrite u
    join relation r on r.oid = u.ev_class
    where r.relkind not in ('v', 'm')
    union all
    select format(
        'policy %s %I %s for %s to %s using %s check %s',
        r.label, p.polname, case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd,
        (
            select string_agg(case when role = 0 then 'public' else pg_get_userbyid(role)::text end, ', ' order by 1)
            from unnest(p.polroles) as role
        ),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    )
    from pg_catalog.pg_policy p
    join relation r on r.oid = p.polrelid
    union all
    select format('function owner %s %s', pg_get_userbyid(p.proowner), pg_get_functiondef(p.oid))
    from pg_catalog.pg_proc p
    join schema_of_ours s on s.oid = p.pronamespace
    where p.prokind <> 'a'
    union all
    select format(
        'aggregate owner %s %s step %s state %s end %s start %s',
        pg_get_userbyid(p.proowner), p.oid::regprocedure, g.aggtransfn, format_type(g.aggtranstype, null), g.aggfinalfn, g.agginitval
    )
    from pg_catalog.pg_proc p
    join schema_of_ours s on s.oid = p.pronamespace
    join pg_catalog.pg_aggregate g on g.aggfnoid = p.oid
    union all
    select format(
        'type %I.%I owner %s kind %s base %s%s default %s labels %s',
        s.nspname, t.typname, pg_get_userbyid(t.typowner), t.typtype,
        case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
        case when t.typnotnull then ' not null' end, t.typdefault,
        (select string_agg(e.enumlabel, ', ' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid)
    )
    from pg_catalog.pg_type t
    join schema_of_ours s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r')
    union all
    select format(
        'cast %s to %s by %s context %s',
        format_type(c.castsource, null), format_type(c.casttarget, null),
        case when c.castfunc = 0 then c.castmethod::text else c.castfunc::regprocedure::text end, c.castcontext
    )
    from pg_catalog.pg_cast c
    join pg_catalog.pg_type t on t.oid in (c.castsource, c.casttarget)
    join schema_of_ours s on s.oid = t.typnamespace
    union all
    select format(
        'grant on %s %s %s: %s to %s by %s%s',
        g.kind, g.label, g.part, x.privilege_type,
        case when x.grantee = 0 then 'public' else pg_get_userbyid(x.grantee)::text end, pg_get_userbyid(x.grantor),
        case when x.is_grantable then ' with grant option' end
    )
    from grants g
    cross join lateral aclexplode(g.acl) as x
    union all
    select format('comment on %s: %s', i.type || ' ' || i.identity, d.description)
    from pg_catalog.pg_description d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
    where i.schema in (select s.nspname from schema_of_ours s)
        or (i.type = 'schema' and i.name in (select quote_ident(s.nspname) from schema_of_ours s))
        or (i.schema is null and i.type in ('trigger', 'policy', 'table constraint', 'table column', 'cast', 'domain constraint'))
)
select l.line
from lines l
order by l.line collate "C"
