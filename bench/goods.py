"""Fills a database with a catalogue as large as is wanted, by SQL alone: names, trees, prices."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from bench.words import COLOURS, KINDS, MATERIALS, MOODS, SIZES, SYLLABLES

PER_FAMILY = 4  # as many products as differ by options alone, in half of the catalogue
# What isn't held by a constraint is built after the rows, which takes a quarter of the time.
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = 'products_product'::regclass AND NOT indisunique
"""
# Ids as `kernel.ids` makes them, in the order of time, but told by a number.
_ID = """
CREATE FUNCTION pg_temp.id(kind int, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
        || '8' || substr(md5(number::text), 1, 15))::uuid
$$;
CREATE FUNCTION pg_temp.dice(number bigint, which int) RETURNS float IMMUTABLE LANGUAGE sql AS $$
    SELECT (hashint8extended(number, which) & 1048575) / 1048576.0
$$;
CREATE FUNCTION pg_temp.pick(words text[], throw float) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT words[1 + floor(array_length(words, 1) * throw)::int]
$$
"""
_CATEGORIES = """
INSERT INTO products_category (id, parent_id, parent_path, slug, name, version)
SELECT pg_temp.id(level, number), above.id, above.path, 'c' || level || '-' || number,
    'Category ' || number, 1
FROM generate_series(0, (10 ^ %(level)s::int)::bigint - 1) AS each (number)
CROSS JOIN (SELECT %(level)s::int) AS at (level)
LEFT JOIN products_category AS above ON above.id = pg_temp.id(level - 1, number / 10)
"""
_FAMILIES = """
INSERT INTO products_family (id, name, description, options, version, created_at, updated_at)
SELECT pg_temp.id(9, number), 'Family ' || number, '', '{colour,size}', 1, now(), now()
FROM generate_series(0, %(products)s::bigint / 2 / %(per_family)s) AS each (number)
"""
# A few words are in very many names, most in few: a throw of the dice to the third power.
_PRODUCTS = """
INSERT INTO products_product (id, code, name, description, model, category_id, tags, family_id,
    attributes, options, width, length, height, weight, price_amount, price_currency, is_active,
    version, created_at, updated_at, deleted_at)
SELECT pg_temp.id(4, n), 'SKU-' || n, name,
    name || ' of ' || lower(material) || ', ' || lower(mood) || ' and made to last. '
        || pg_temp.pick(%(moods)s, pg_temp.dice(n, 11)) || ' for every home.',
    series, pg_temp.id(3, floor(1000 * pg_temp.dice(n, 1) ^ 2)::bigint),
    ARRAY[lower(mood), lower(material), 'tag-' || floor(500 * pg_temp.dice(n, 2) ^ 2)],
    family, options || jsonb_build_object('material', lower(material)),
    CASE WHEN family IS NOT NULL THEN options END, 200, 300, 400, 1500,
    round(300 + exp(pg_temp.dice(n, 3) * 7) * 300), 'EUR', pg_temp.dice(n, 4) < 0.95,
    1, now(), now(), NULL
FROM generate_series(0, %(products)s::bigint - 1) AS each (n)
CROSS JOIN LATERAL (SELECT
    pg_temp.pick(%(moods)s, pg_temp.dice(n, 5) ^ 3),
    pg_temp.pick(%(materials)s, pg_temp.dice(n, 6) ^ 2),
    pg_temp.pick(%(kinds)s, pg_temp.dice(n, 7) ^ 3),
    initcap(pg_temp.pick(%(syllables)s, pg_temp.dice(n, 8))
        || pg_temp.pick(%(syllables)s, pg_temp.dice(n, 9))
        || pg_temp.pick(%(syllables)s, pg_temp.dice(n, 10)))
) AS words (mood, material, kind, series)
CROSS JOIN LATERAL (SELECT series || ' ' || lower(mood) || ' ' || lower(material) || ' ' || kind)
    AS named (name)
CROSS JOIN LATERAL (SELECT
    CASE WHEN n < %(products)s / 2 THEN pg_temp.id(9, n / %(per_family)s) END,
    jsonb_build_object(
        'colour', (%(colours)s::text[])[1 + (n / 2 + n / 7) %% 2 + 2 * (n / 11 %% 5)],
        'size', (%(sizes)s::text[])[1 + n %% %(per_family)s])
) AS sold (family, options)
"""
_STOCK = """
INSERT INTO products_availability (product_id, version, free)
SELECT id, 1, CASE WHEN pg_temp.dice(row_number() OVER (), 12) < 0.8 THEN 9 ELSE 0 END
FROM products_product
"""
_PICTURES = """
INSERT INTO products_picture
    (id, product_id, state, content_type, alt_text, position, sizes, reason, created_at)
SELECT id, id, 'READY', 'image/jpeg', '', 0, jsonb_build_array(
        jsonb_build_object('key', 'p/' || md5(id::text) || '-160.webp', 'width', 160, 'height', 90),
        jsonb_build_object('key', 'p/' || md5(id::text) || '-480.webp', 'width', 480, 'height', 270)
    ), '', now()
FROM products_product
"""
_WORDS = r"""
INSERT INTO products_word (word)
SELECT DISTINCT left(found[1], 40)
FROM products_product, regexp_matches(lower(name), '[^\W_]{4,}', 'g') AS each (found)
"""
_MAKING: tuple[LiteralString, ...] = (_FAMILIES, _PRODUCTS, _STOCK, _PICTURES, _WORDS)


def fill(owner: psycopg.Connection, products: int) -> None:
    """Put so many products into an empty catalogue, as the role that owns the tables."""
    asked = {
        "products": products,
        "per_family": PER_FAMILY,
        "moods": MOODS,
        "materials": MATERIALS,
        "kinds": KINDS,
        "colours": COLOURS,
        "sizes": SIZES,
        "syllables": SYLLABLES,
    }
    owner.execute(_ID)
    owner.execute("SET session_replication_role = replica")  # keys are right by their making
    indexes = owner.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        owner.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
    for level in (1, 2, 3):
        owner.execute(_CATEGORIES, {"level": level})
    for statement in _MAKING:
        owner.execute(statement, asked)
    owner.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        owner.execute(definition)
    owner.execute("VACUUM ANALYZE")
