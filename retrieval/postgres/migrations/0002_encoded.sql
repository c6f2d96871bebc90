-- What `showtell index --shard` encoded, until a version has it.
CREATE TABLE encoded (
    id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    model text NOT NULL, -- its fingerprint
    sha256 text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    captions json NOT NULL,
    vector halfvec NOT NULL,
    caption_vector halfvec,
    PRIMARY KEY (model, sha256)
);
