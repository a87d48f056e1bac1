"""Tokens of those who host code and packages, build them and test them."""

from __future__ import annotations

from engine.privacy.providers.row import END, HEX, URL, is_random, token
from engine.privacy.rule import FIRST

_GITLEAKS = "gitleaks 8"
_ROUTABLE = rb"(?:\.[0-9a-z]{2}\.[0-9a-z]{9}|\.[0-9a-z]{9})?"
"""Version, length and CRC-32 behind the payload of a routable token."""

RULES = (
    token("github_token", rb"gh[pousr]_[A-Za-z0-9_]{36,255}(?:\.[A-Za-z0-9_-]{8,2048}){0,2}",
          b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_",
          source="docs.github.com: token formats", since=FIRST),
    token("github_token", rb"github_pat_[A-Za-z0-9_]{22,255}", b"github_pat_",
          source="docs.github.com: token formats", since=FIRST),
    token("gitlab_token",
          rb"gl(?:pat|dt|rt|rtr|ptt|cbt|soat|imt|agent|ft|ffct|oas|wt)-" + URL + rb"{20,300}"
          + _ROUTABLE + rb"|GR1348941" + URL + rb"{20}",
          b"glpat-", b"gldt-", b"glrt-", b"glrtr-", b"glptt-", b"glcbt-", b"glsoat-", b"glimt-",
          b"glagent-", b"glft-", b"glffct-", b"gloas-", b"glwt-", b"gr1348941",
          source="docs.gitlab.com: token overview, routable tokens", since=FIRST),
    token("atlassian_token",
          rb"AT(?:ATT|CTT|STT)3" + URL + rb"{80,320}(?:=[0-9A-F]{8})?|ATBB[A-Za-z0-9]{28,40}" + END,
          b"atatt3", b"atctt3", b"atstt3", b"atbb",
          source="support.atlassian.com: API tokens; gitleaks 8"),
    token("npm_token", rb"npm_[A-Za-z0-9]{36,255}", b"npm_",
          source="docs.npmjs.com: access tokens", since=FIRST),
    token("pypi_token", rb"pypi-" + URL + rb"{50,1000}", b"pypi-",
          source="pypi.org/help: API tokens", since=FIRST),
    token("rubygems_key", rb"rubygems_" + HEX + rb"{48}" + END, b"rubygems_",
          source="guides.rubygems.org: API keys", since=FIRST),
    token("cargo_token", rb"cio[A-Za-z0-9]{32}" + END, b"cio", holds=is_random,
          source="crates.io: API tokens"),
    token("nuget_key", rb"oy2[a-z0-9]{43}" + END, b"oy2", source="learn.microsoft.com: NuGet keys"),
    token("docker_token", rb"dckr_(?:pat|oat)_" + URL + rb"{20,64}", b"dckr_pat_", b"dckr_oat_",
          source="docs.docker.com: access tokens", since=FIRST),
    token("jfrog_token", rb"AKCp[A-Za-z0-9]{69}" + END + rb"|cmVmd[A-Za-z0-9]{59}" + END,
          b"akcp", b"cmvmd", source=_GITLEAKS),
    token("sourcegraph_token", rb"sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}" + END,
          b"sgp_", source=_GITLEAKS),
    token("circleci_token", rb"CCI(?:PAT|PRJ)_[A-Za-z0-9]{20,24}_" + HEX + rb"{40}" + END,
          b"ccipat_", b"cciprj_", source="circleci.com/docs: API tokens"),
    token("buildkite_token", rb"bk(?:ua|at|ct|pt|pi)_[A-Za-z0-9]{40,64}" + END,
          b"bkua_", b"bkat_", b"bkct_", b"bkpt_", b"bkpi_", source="buildkite.com/docs: tokens"),
    token("sonar_token", rb"sq[upa]_" + HEX + rb"{40}" + END, b"squ_", b"sqp_", b"sqa_",
          source="docs.sonarsource.com: tokens"),
    token("postman_key", rb"PMAK-" + HEX + rb"{24}-" + HEX + rb"{34}" + END, b"pmak-",
          source=_GITLEAKS),
    token("clojars_token", rb"CLOJARS_" + HEX + rb"{60}" + END, b"clojars_", source=_GITLEAKS),
    token("packagist_token", rb"packagist_(?:ort|out|ack|acs|uut|usk)_" + HEX + rb"{60,80}" + END,
          b"packagist_", source="packagist.com/docs: API tokens"),
    token("prefect_key", rb"pn[ub]_[A-Za-z0-9]{36}" + END, b"pnu_", b"pnb_", source=_GITLEAKS),
    token("octopus_key", rb"API-[A-Z0-9]{26}" + END, b"api-", source=_GITLEAKS),
    token("harness_key", rb"[ps]at\." + URL + rb"{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}" + END,
          b"pat.", b"sat.", source=_GITLEAKS),
    token("infracost_key", rb"ico-[A-Za-z0-9]{32}" + END, b"ico-", holds=is_random,
          source=_GITLEAKS),
    token("readme_key", rb"rdme_[a-z0-9]{70}" + END, b"rdme_", source=_GITLEAKS),
    token("figma_token", rb"fig[dour]_" + URL + rb"{38,64}", b"figd_", b"figo_", b"figu_", b"figr_",
          source="figma.com/developers: access tokens"),
    token("linear_key", rb"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}", b"lin_api_", b"lin_oauth_",
          source="linear.app/developers: API keys", since=FIRST),
)  # fmt: skip
