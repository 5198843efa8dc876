"""Where the project is, for tests that read its pages and settings."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
