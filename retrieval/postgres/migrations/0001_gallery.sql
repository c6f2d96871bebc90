-- A gallery and its versions. A row is part of each version from `since` on and before `until`:
-- versions share what they have in common, and readers of one see nothing of the next.
--
-- What a search reads goes by the picture's id (pictures, postings), so that both tables can be
-- distributed by it; no constraint reaches from one to the other.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE models (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL UNIQUE,
    dimension integer NOT NULL
);

-- No number is given twice: rows say by numbers which versions they are part of.
CREATE SEQUENCE version_numbers AS integer;

CREATE TABLE versions (
    number integer PRIMARY KEY,
    version text NOT NULL UNIQUE,
    model integer NOT NULL REFERENCES models,
    manifest json NOT NULL,
    root text NOT NULL,
    captioned integer NOT NULL,
    words bigint NOT NULL  -- in all captions
);

CREATE TABLE live (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version text NOT NULL REFERENCES versions (version)
);

CREATE TABLE pictures (
    id bigint PRIMARY KEY,
    model integer NOT NULL,
    since integer NOT NULL,
    until integer NOT NULL DEFAULT 2147483647,
    image_id text NOT NULL,
    sha256 text NOT NULL,
    path text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    captions json NOT NULL,
    metadata json NOT NULL,
    terms text[] NOT NULL,   -- folders, tags and metadata that a filter can name
    date text COLLATE "C",
    words tsvector NOT NULL, -- the stems of the captions with their places
    nearness real NOT NULL,  -- to typical requests
    vector halfvec NOT NULL,
    caption_vector halfvec
)
-- Vectors lie in the row, not beside it: the planner counts the pages of the table alone, and
-- would read it whole rather than use an index over what is kept elsewhere.
WITH (toast_tuple_target = 8160);
ALTER TABLE pictures ALTER COLUMN vector SET STORAGE MAIN;
ALTER TABLE pictures ALTER COLUMN caption_vector SET STORAGE MAIN;
CREATE INDEX pictures_image_id ON pictures (image_id);
CREATE INDEX pictures_date ON pictures (date) WHERE date IS NOT NULL;
CREATE INDEX pictures_terms ON pictures USING gin (terms);
CREATE INDEX pictures_words ON pictures USING gin (words);
CREATE INDEX pictures_until ON pictures (until) WHERE until < 2147483647;

-- Which pictures hold which stem: what BM25 reads, all of it from the index.
CREATE TABLE postings (
    stem text COLLATE "C" NOT NULL,
    picture bigint NOT NULL,
    since integer NOT NULL,
    until integer NOT NULL DEFAULT 2147483647,
    frequency integer NOT NULL,
    length integer NOT NULL  -- of all captions of the picture, in words
);
CREATE INDEX postings_stem ON postings (stem) INCLUDE (picture, since, until, frequency, length);
CREATE INDEX postings_picture ON postings (picture);

-- How many pictures hold a stem, folder, year or tag, and how often captions hold a word as it is
-- written: by how much each version changed it.
CREATE TABLE counts (
    kind text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    change bigint NOT NULL
);
CREATE INDEX counts_version ON counts (version);
