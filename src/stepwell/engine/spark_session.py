"""Starting Spark: one quiet JVM a process, on this machine's loopback only."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.errors import Refused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = 17
# What a shared machine of two cores can spare. `PYSPARK_SUBMIT_ARGS="--driver-memory 8g pyspark-shell"` gives more.
MEMORY = "2g"

# Rows of patients can stand in Spark's messages: it logs nothing.
_LOGGING = "rootLogger.level = off\n"
_LOCK = threading.Lock()

# The same meaning as DuckDB: errors instead of nulls, days as written, one time zone.
MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.caseSensitive": "false",
}


def session() -> SparkSession:
    """A session of its own on the process's Spark, which is started when there is none.

    Refused when PySpark or Java is missing or Spark does not start.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Refused("The Spark engine needs PySpark. Install stepwell[spark], for example: pip install 'stepwell[spark]'.") from error
    with _LOCK:
        running = SparkSession.getActiveSession() or _start()
    spark = running.newSession()
    for key, value in MEANING.items():
        spark.conf.set(key, value)
    return spark


def find_java() -> Path:
    """The `java` that Spark will run. Refused when there is none, or an older one than Spark needs."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    what_to_do = f"Install Java {JAVA} (on Debian: apt install openjdk-{JAVA}-jre-headless) or point JAVA_HOME at one."
    if found is None:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise Refused(f"The Spark engine needs Java {JAVA} and there is none {where}. {what_to_do}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  the java Spark is about to run
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < JAVA:
        which = f"Java {version[1]}" if version else "no Java that tells its version"
        raise Refused(f"The Spark engine needs Java {JAVA} or later and {found} is {which}. {what_to_do}")
    return Path(found)


def _start() -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    find_java()
    # PySpark prints what Spark says of a failed statement, values and all, unless told not to.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True
    logging.setLoggerClass(logging.Logger)
    # Only this user may read it: shuffles that do not fit into memory are spilled here.
    folder = Path(tempfile.mkdtemp(prefix="stepwell-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    silence = folder / "log4j2.properties"
    silence.write_text(_LOGGING, encoding="utf-8")
    conf = SparkConf(loadDefaults=False).setAll(
        [
            ("spark.app.name", "stepwell"),
            ("spark.master", "local[*]"),
            ("spark.driver.memory", MEMORY),
            ("spark.driver.host", "127.0.0.1"),
            ("spark.driver.bindAddress", "127.0.0.1"),
            ("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={silence.as_uri()}"),
            ("spark.ui.enabled", "false"),
            ("spark.ui.showConsoleProgress", "false"),
            ("spark.local.dir", str(folder)),
            ("spark.sql.warehouse.dir", str(folder / "warehouse")),
            ("spark.sql.catalogImplementation", "in-memory"),
            ("spark.buffer.pageSize", "2m"),
        ]
    )
    console = folder / "console"
    with console.open("wb") as output:
        try:
            gateway = launch_gateway(conf, {"stdout": output, "stderr": output})
            context = SparkContext(gateway=gateway, conf=conf)
        except (PySparkException, OSError) as error:
            last = console.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise Refused(f"Spark did not start: {' '.join(last) or error}. Is `java` (JAVA_HOME) a working Java {JAVA}?") from error
    atexit.register(context.stop)
    return SparkSession(context)
