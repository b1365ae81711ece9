"""``python -m tools.pages``: write all pages that are made, in a cluster that is destroyed at the end."""

from __future__ import annotations

from quantmatrix.testing.cluster import Cluster
from tools.pages.all import pages


def main() -> None:
    """Write what is stale and say so."""
    cluster = Cluster()
    try:
        cluster.start()
        with cluster.database() as database:
            for path, text in pages(database).items():
                if not path.exists() or path.read_text(encoding="utf-8") != text:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                    print(f"written: {path}")
    finally:
        cluster.destroy()


if __name__ == "__main__":
    main()
