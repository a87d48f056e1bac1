"""Reports of real tools, for ``tests/data/reports``: ``python tools/real_reports.py FOLDER``.

Installs each tool from its registry into FOLDER (throwaway, outside of the repository), runs it on
a small project written there, and copies what it reports, without paths and names of the machine.
``README.md`` beside the reports says which versions wrote them. A tool that cannot be had is named
at the end, exit code 1; what it wrote earlier stays.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "tests" / "data" / "reports"
PYTHON_TOOLS = (
    *("pytest", "pytest-rerunfailures", "coverage", "bandit[sarif]", "pip-audit", "cyclonedx-bom"),
    "locust",
)
GO_TOOLS = (
    "github.com/jstemmer/go-junit-report/v2@v2.1.0",
    "github.com/tsenart/vegeta/v12@v12.12.0",
)
TIMEOUT_S = 900

SHOP = """\
import subprocess


def price(amount, member):
    if member:
        return amount * 0.9
    return amount


def run(command):
    return subprocess.call(command, shell=True)
"""
TESTS = """\
from pathlib import Path

import pytest

import shop


def test_a_member_pays_less():
    assert shop.price(100, True) == 90


def test_a_guest_pays_all():
    assert shop.price(100, False) == 99


@pytest.mark.skip(reason="no till")
def test_the_till():
    pass


@pytest.fixture
def till():
    yield
    raise RuntimeError("the till is stuck")


def test_cleans_up(till):
    pass


@pytest.mark.flaky(reruns=2)
def test_now_and_then():
    mark = Path("seen")
    if not mark.exists():
        mark.write_text("")
        raise AssertionError("the first time")


@pytest.mark.parametrize("n", [1, 2])
def test_numbers(n):
    assert n
"""
NODE = """\
const test = require("node:test");
const assert = require("node:assert");
test("cart", async (t) => {
  await t.test("adds", () => assert.equal(1 + 1, 2));
  await t.test("removes", () => assert.equal(2 - 1, 2));
});
test("later", { skip: "no stock" }, () => {});
"""
JEST = """\
test("adds", () => expect(1 + 1).toBe(2));
test("removes", () => expect(2 - 1).toBe(2));
test.skip("later", () => {});
"""
GO = """\
package shop

import "testing"

func TestAdds(t *testing.T) {}
func TestRemoves(t *testing.T) { t.Run("all", func(t *testing.T) { t.Error("left one") }) }
func TestLater(t *testing.T) { t.Skip("no stock") }
"""
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
  <properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
  <dependencies><dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId>
    <version>5.13.4</version><scope>test</scope></dependency></dependencies>
  <build><plugins>
    <plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.3</version>
      <configuration><rerunFailingTestsCount>1</rerunFailingTestsCount><testFailureIgnore>true</testFailureIgnore></configuration></plugin>
    <plugin><groupId>org.jacoco</groupId><artifactId>jacoco-maven-plugin</artifactId><version>0.8.13</version>
      <executions><execution><goals><goal>prepare-agent</goal></goals></execution>
        <execution><id>report</id><phase>test</phase><goals><goal>report</goal></goals></execution></executions></plugin>
  </plugins></build>
</project>
"""
JAVA = """\
package shop;
public class Shop {
  public static int price(int amount, boolean member) {
    if (member) { return amount - 10; }
    return amount;
  }
}
"""
JAVA_TESTS = """\
package shop;
import org.junit.jupiter.api.*;
class ShopTest {
  static int tries = 0;
  @Test void aMemberPaysLess() { Assertions.assertEquals(90, Shop.price(100, true)); }
  @Test void aGuestPaysAll() { Assertions.assertEquals(99, 100); }
  @Test void nowAndThen() { Assertions.assertTrue(tries++ > 0); }
  @Disabled("no till") @Test void till() {}
}
"""
LOCUST = """\
from locust import HttpUser, constant, task


class Guest(HttpUser):
    wait_time = constant(0.01)

    @task(9)
    def index(self):
        self.client.get("/")

    @task
    def missing(self):
        self.client.get("/missing")
"""
VULNERABLE = "jinja2==2.4.1\nurllib3==1.26.4\n"


class Tools:
    """Runs programs in a folder, and keeps what they report without what tells the machine.

    Args:
        folder: Where tools and project are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir(parents=True, exist_ok=True)
        self.versions: dict[str, str] = {}
        self.python = folder / "python" / "bin"

    def run(self, *command: str | Path, into: Path | None = None, stdin: bytes = b"") -> bytes:
        """Run ``command`` in the project, and return what it prints, whatever its exit code."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.project,
            env={**os.environ, "GOBIN": str(self.folder / "go"), "GOFLAGS": "-mod=mod"},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if into is None else subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
        if into is not None:
            into.write_bytes(done.stdout)
        return done.stdout

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def keep(self, path: Path, name: str) -> None:
        """Copy a report, without paths and names of the machine."""
        text = path.read_text()
        for there, instead in (
            (str(self.project), "/project"),
            (str(self.folder), "/tools"),
            (str(Path.home()), "/home"),
        ):
            text = text.replace(there, instead)
        text = re.sub(rf"\b{re.escape(socket.gethostname())}\b", "runner", text)
        text = re.sub(r"(?s)<properties>.*?</properties>", "<properties/>", text)
        text = re.sub(r'("https?://)(127\.0\.0\.1|localhost):\d+', r"\1service.example", text)
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / name).write_text(text)

    def version_of(self, package: str) -> str:
        """Return the version of a Python package that was installed."""
        shown = self.run(self.python / "pip", "show", package).decode()
        found = re.search(r"(?m)^Version: (.*)$", shown)
        return found[1] if found else "?"


def pytest(tools: Tools) -> None:
    """pytest with reruns, and coverage in three formats."""
    tools.write("shop.py", SHOP)
    tools.write("test_shop.py", TESTS)
    (tools.project / "seen").unlink(missing_ok=True)
    junit = tools.project / "pytest.xml"
    coverage = tools.python / "coverage"
    tools.run(
        coverage, "run", "--branch", "--include=shop.py", "-m", "pytest", f"--junitxml={junit}"
    )
    tools.keep(junit, "pytest.xml")
    for verb, name in (("xml", "coverage.xml"), ("json", "coverage.json"), ("lcov", "lcov.info")):
        tools.run(coverage, verb, "-o", name)
        tools.keep(tools.project / name, {"coverage.xml": "cobertura.xml"}.get(name, name))
    for package in ("pytest", "pytest-rerunfailures", "coverage"):
        tools.versions[package] = tools.version_of(package)


def scanners(tools: Tools) -> None:
    """bandit and semgrep (SARIF), pip-audit (JSON and CycloneDX), a bill of materials."""
    tools.write("shop.py", SHOP)
    at = tools.project
    tools.run(tools.python / "bandit", "-f", "sarif", "-o", "bandit.sarif", "shop.py")
    tools.keep(at / "bandit.sarif", "bandit.sarif")
    requirements = tools.write("vulnerable.txt", VULNERABLE)
    audit = (tools.python / "pip-audit", "--disable-pip", "--no-deps", "-r", requirements)
    tools.run(*audit, "-f", "json", "-o", "pip-audit.json")
    tools.keep(at / "pip-audit.json", "pip-audit.json")
    tools.run(tools.python / "cyclonedx-py", "requirements", requirements, "-o", "bom.json")
    tools.keep(at / "bom.json", "cyclonedx.json")
    for package in ("bandit", "pip-audit", "cyclonedx-bom"):
        tools.versions[package] = tools.version_of(package)


def semgrep(tools: Tools) -> None:
    """semgrep with a rule of our own."""
    tools.run(sys.executable, "-m", "venv", tools.folder / "semgrep")
    tools.run(tools.folder / "semgrep" / "bin" / "pip", "install", "-q", "semgrep")
    tools.write("shop.py", SHOP)
    rule = {
        "id": "shell",
        "languages": ["python"],
        "severity": "ERROR",
        "message": "a shell",
        "pattern": "subprocess.call(..., shell=True)",
    }
    tools.write("rules.json", json.dumps({"rules": [rule]}))
    program = tools.folder / "semgrep" / "bin" / "semgrep"
    flags = ("--metrics=off", "--disable-version-check", "--config", "rules.json", "--sarif")
    tools.run(program, "scan", *flags, "shop.py", into=tools.project / "semgrep.sarif")
    tools.keep(tools.project / "semgrep.sarif", "semgrep.sarif")
    tools.versions["semgrep"] = tools.run(program, "--version").decode().strip().split("\n")[-1]


def node(tools: Tools) -> None:
    """node's own runner, Jest with jest-junit, and npm audit."""
    tools.write("shop.test.cjs", NODE)
    flags = ("--test", "--test-reporter=junit", "--test-reporter-destination=node.xml")
    tools.run("node", *flags, "shop.test.cjs")
    tools.keep(tools.project / "node.xml", "node.xml")
    tools.versions["node"] = tools.run("node", "--version").decode().strip()
    there = tools.folder / "jest"
    there.mkdir(exist_ok=True)
    tools.run("npm", "install", "--prefix", there, "--no-audit", "jest@30", "jest-junit@16")
    (there / "shop.test.js").write_text(JEST)
    (there / "jest.config.json").write_text(json.dumps({"reporters": ["jest-junit"]}))
    tools.write("package.json", "{}")
    program = there / "node_modules" / ".bin" / "jest"
    tools.run(program, "--ci", "--config", there / "jest.config.json")
    tools.keep(tools.project / "junit.xml", "jest.xml")
    for name in ("jest", "jest-junit"):
        package = json.loads((there / "node_modules" / name / "package.json").read_text())
        tools.versions[name] = package["version"]


def go(tools: Tools) -> None:
    """go-junit-report and vegeta."""
    for tool in GO_TOOLS:
        tools.run("go", "install", tool)
        tools.versions[tool.split("/")[2]] = tool.partition("@")[2]
    tools.write("go/go.mod", "module shop\n\ngo 1.24\n")
    tools.write("go/shop_test.go", GO)
    spoken = tools.run("go", "-C", "go", "test", "-v", "./...")
    program = tools.folder / "go" / "go-junit-report"
    tools.run(program, into=tools.project / "go.xml", stdin=spoken)
    tools.keep(tools.project / "go.xml", "go-junit-report.xml")


def maven(tools: Tools) -> None:
    """Surefire with reruns, and JaCoCo."""
    there = tools.project / "java"
    tools.write("java/pom.xml", POM)
    tools.write("java/src/main/java/shop/Shop.java", JAVA)
    tools.write("java/src/test/java/shop/ShopTest.java", JAVA_TESTS)
    tools.run("mvn", "-q", "-B", "-f", there / "pom.xml", "test")
    tools.keep(there / "target" / "surefire-reports" / "TEST-shop.ShopTest.xml", "surefire.xml")
    tools.keep(there / "target" / "site" / "jacoco" / "jacoco.xml", "jacoco.xml")
    tools.versions["maven-surefire-plugin"] = "3.5.3"
    tools.versions["jacoco-maven-plugin"] = "0.8.13"


def load(tools: Tools) -> None:
    """Locust and vegeta against a server of their own."""
    tools.write("locustfile.py", LOCUST)
    tools.write("index.html", "a shop")
    command = [str(tools.python / "python"), "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        [command[0], "-u", *command[1:]], cwd=tools.project, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        try:
            found = re.search(r"port (\d+)", server.stdout.readline() if server.stdout else "")
            if found is None:
                raise RuntimeError("the server did not start")
            host = f"http://127.0.0.1:{found[1]}"
            program = tools.python / "locust"
            flags = ("--headless", "-u", "2", "-r", "2", "-t", "5s", "--only-summary", "--json")
            tools.run(program, *flags, "-H", host, into=tools.project / "locust.json")
            vegeta = tools.folder / "go" / "vegeta"
            target = f"GET {host}/\n".encode()
            shot = tools.project / "vegeta.bin"
            tools.run(vegeta, "attack", "-rate=50", "-duration=3s", into=shot, stdin=target)
            tools.run(vegeta, "report", "-type=json", shot, into=tools.project / "vegeta.json")
        finally:
            server.terminate()
    tools.keep(tools.project / "locust.json", "locust.json")
    tools.keep(tools.project / "vegeta.json", "vegeta.json")
    tools.versions["locust"] = tools.version_of("locust")


TOOLS: tuple[Callable[[Tools], None], ...] = (pytest, scanners, node, go, maven, load, semgrep)


def main(arguments: list[str]) -> int:
    """Write the reports of every tool, or of those named behind FOLDER."""
    if not arguments:
        print(__doc__)
        return 2
    tools = Tools(Path(arguments[0]).resolve())
    tools.run(sys.executable, "-m", "venv", tools.folder / "python")
    tools.run(tools.python / "pip", "install", "-q", *PYTHON_TOOLS)
    missing = []
    for tool in TOOLS:
        if arguments[1:] and tool.__name__ not in arguments[1:]:
            continue
        try:
            tool(tools)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            missing.append(f"{tool.__name__}: {error}")
    _write_versions(tools.versions)
    print(*missing, sep="\n")
    return 1 if missing else 0


def _write_versions(new: dict[str, str]) -> None:
    path = REPORTS / "README.md"
    rows = dict(
        re.findall(r"(?m)^\| ([^|]+?) \| ([^|]+?) \|$", path.read_text() if path.exists() else "")
    )
    rows = {name: version for name, version in rows.items() if name not in ("tool", "---")} | new
    table = "".join(f"| {name} | {version} |\n" for name, version in sorted(rows.items()))
    path.write_text(
        "# Reports that real tools wrote\n\n"
        "`python tools/real_reports.py FOLDER` installs the tools, runs them on a small project\n"
        "and writes these files, without paths and names of the machine.\n\n"
        f"| tool | version |\n|---|---|\n{table}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
