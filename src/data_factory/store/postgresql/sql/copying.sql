-- What a copy asks of the schema. Its questions about the rows are put together from what comes of that.

-- name: columns_of_tables
SELECT
    c.relname::text AS table_name, a.attname::text AS name, format_type(a.atttypid, NULL) AS type,
    array_position(i.indkey::int2[], a.attnum) AS place_in_key, a.attidentity <> '' AS counts
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' -- belongs to an extension
    );

-- name: references_of_tables
SELECT c.relname::text AS table_name, r.relname::text AS refers_to
FROM pg_constraint AS f
JOIN pg_class AS c ON c.oid = f.conrelid AND c.relnamespace = current_schema()::regnamespace
JOIN pg_class AS r ON r.oid = f.confrelid AND r.oid <> c.oid
WHERE f.contype = 'f';
