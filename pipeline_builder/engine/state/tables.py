"""The tables of the local target's state: every format so far, each made of the one before it."""

from __future__ import annotations

_FIRST = """
CREATE TABLE IF NOT EXISTS pipelines (
  name TEXT PRIMARY KEY, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS versions (
  pipeline TEXT NOT NULL REFERENCES pipelines, version INTEGER NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL,
  created TEXT NOT NULL, PRIMARY KEY (pipeline, version)
);
CREATE TABLE IF NOT EXISTS executions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL, definition_sha256 TEXT NOT NULL, parameters TEXT NOT NULL, fingerprint TEXT NOT NULL,
  use_cache INTEGER NOT NULL DEFAULT 1, started TEXT NOT NULL, ended TEXT, failure_reason TEXT NOT NULL DEFAULT '',
  FOREIGN KEY (pipeline, version) REFERENCES versions
);
CREATE TABLE IF NOT EXISTS steps (
  execution TEXT NOT NULL REFERENCES executions (arn), name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  started TEXT, ended TEXT, cache_hit TEXT NOT NULL DEFAULT '', failure_reason TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0, metadata TEXT NOT NULL DEFAULT '{}', log TEXT NOT NULL DEFAULT '', result TEXT,
  PRIMARY KEY (execution, name)
);
CREATE TABLE IF NOT EXISTS cache (
  number INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL,
  parts TEXT NOT NULL, outputs TEXT NOT NULL, execution TEXT NOT NULL, result TEXT NOT NULL, metadata TEXT NOT NULL,
  created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS cache_by_key ON cache (pipeline, key);
CREATE TABLE IF NOT EXISTS package_groups (
  name TEXT PRIMARY KEY, description TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS packages (
  arn TEXT PRIMARY KEY, group_name TEXT NOT NULL REFERENCES package_groups, version INTEGER NOT NULL,
  status TEXT NOT NULL, approval_description TEXT NOT NULL DEFAULT '', request TEXT NOT NULL, metadata TEXT NOT NULL,
  execution TEXT NOT NULL, step TEXT NOT NULL, created TEXT NOT NULL,
  UNIQUE (group_name, version), UNIQUE (execution, step)
);
CREATE TABLE IF NOT EXISTS approvals (
  number INTEGER PRIMARY KEY AUTOINCREMENT, package TEXT NOT NULL REFERENCES packages, before TEXT NOT NULL,
  after TEXT NOT NULL, by_whom TEXT NOT NULL, description TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS digests (
  path TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL
);
"""
# What a SageMaker endpoint has to remember besides: names and descriptions (`details`, the API's own members as JSON),
# versions' aliases, jobs, tags, client tokens, and what an object was uploaded with.
_SECOND = """
ALTER TABLE pipelines ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE pipelines ADD COLUMN modified TEXT NOT NULL DEFAULT '';
ALTER TABLE pipelines ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE TABLE aliases (
  pipeline TEXT NOT NULL REFERENCES pipelines, alias TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (pipeline, alias)
);
ALTER TABLE executions ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE executions ADD COLUMN modified TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL,
  execution TEXT NOT NULL, step TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  request TEXT NOT NULL, result TEXT NOT NULL DEFAULT '{}', started TEXT NOT NULL, ended TEXT,
  log TEXT NOT NULL DEFAULT '', UNIQUE (kind, name)
);
CREATE INDEX jobs_by_step ON jobs (execution, step);
CREATE TABLE tags (
  arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
);
CREATE TABLE tokens (
  operation TEXT NOT NULL, token TEXT NOT NULL, request TEXT NOT NULL, result TEXT NOT NULL, created TEXT NOT NULL,
  PRIMARY KEY (operation, token)
);
ALTER TABLE package_groups ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE packages ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE packages ADD COLUMN modified TEXT NOT NULL DEFAULT '';
CREATE TABLE objects (
  path TEXT PRIMARY KEY, stamp TEXT NOT NULL, etag TEXT NOT NULL, headers TEXT NOT NULL DEFAULT '{}'
);
"""
# ARNs have a Region as SageMaker's own patterns want it, of nine letters or more.
_CHANGE = "'arn:aws:sagemaker:local:', 'arn:aws:sagemaker:localhost:'"
_ARNS = {
    "executions": ("arn",),
    "steps": ("execution", "cache_hit", "source", "metadata", "result"),
    "cache": ("execution", "metadata", "result"),
    "packages": ("arn", "execution", "request", "metadata"),
    "approvals": ("package",),
    "jobs": ("arn", "execution", "request", "result"),
    "tags": ("arn",),
    "tokens": ("result",),
}
_THIRD = "PRAGMA defer_foreign_keys = ON;\n" + "".join(
    " ".join(("UPDATE", table, "SET", column, "=", f"replace({column}, {_CHANGE});\n"))
    for table, columns in _ARNS.items()
    for column in columns
)
# Steps that ask for the same have the same key, and each looks for its own entry only.
_FOURTH = """
CREATE INDEX cache_by_step ON cache (pipeline, step, key);
DROP INDEX cache_by_key
"""
# What Callback steps wait with, and what they were answered.
_FIFTH = """
CREATE TABLE callbacks (
  number INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, execution TEXT NOT NULL, step TEXT NOT NULL,
  queue TEXT NOT NULL, outputs TEXT NOT NULL, inputs TEXT NOT NULL, status TEXT NOT NULL,
  answer TEXT NOT NULL DEFAULT '{}', taken INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL
);
CREATE INDEX callbacks_by_step ON callbacks (execution, step)
"""
# Why the cache didn't stand for a job, and what it took of the machine: no Describe has members for that.
_SIXTH = """
ALTER TABLE jobs ADD COLUMN missed TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN used TEXT NOT NULL DEFAULT '{}'
"""
_ALL = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH)
MIGRATIONS = tuple(tuple(part for part in text.split(";\n") if part.strip()) for text in _ALL)
"""The statements that lead to each format, from an empty file on; the formats count from 1."""
