"""How gunicorn serves Stepwell: `gunicorn -c python:stepwell.web.config.serving stepwell.web.config.wsgi:application`.

| variable         | meaning                                                         | default        |
|------------------|-----------------------------------------------------------------|----------------|
| STEPWELL_BIND    | address to listen on: host:port, or unix:/path                  | 127.0.0.1:8000 |
| STEPWELL_WORKERS | processes                                                       | one per core   |
| STEPWELL_THREADS | threads of each; every thread keeps a connection to the database | 4              |

A proxy of yours stands in front and does HTTPS (docs/guide/production.md). No access log is written: the audit trail tells who
opened what, and addresses name people by key.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from stepwell.web.config import environment as _environment

bind = os.environ.get("STEPWELL_BIND", "").strip() or "127.0.0.1:8000"
workers = _environment.number("STEPWELL_WORKERS", os.cpu_count() or 1)
threads = _environment.number("STEPWELL_THREADS", 4)
worker_class = "gthread"
# A proxy keeps its connections longer than the two seconds gunicorn would.
keepalive = 75
# An approval of a knowledge pack evaluates everybody before it answers.
timeout = 300
graceful_timeout = 30
accesslog = None
errorlog = "-"
# Threads of the engine do not survive a fork: each worker loads the product itself.
preload_app = False


def post_worker_init(worker: Any) -> None:
    """What the first request would otherwise wait for: the knowledge base, the pages, the engine."""
    from django.template import engines
    from django.urls import get_resolver

    from stepwell import engine, knowledge
    from stepwell.web.config.areas import areas

    knowledge.load().tables()
    get_resolver().url_patterns  # noqa: B018 - imports every view
    pages = engines["jinja2"].env  # type: ignore[attr-defined]
    ours = tuple(f"{area}/" for area in areas())
    for name in pages.list_templates(filter_func=lambda name: name.startswith(ours)):
        pages.get_template(name)
    # What is loaded now stays for good. Were it collected with the rest, a reader would now and then wait half a second while the
    # whole knowledge base is walked through.
    gc.collect()
    gc.freeze()
    worker.log.info("warm: knowledge %s, %s", knowledge.load().version, engine.__name__)
