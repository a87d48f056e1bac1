"""The look of ``--format html``: one style sheet, light and dark, on screen and on paper.

Text on its ground has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), in both schemes.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--raised:#f5f6f8;--line:#d3d8de;--text:#1b1f24;
--soft:#56606b;--good:#11632b;--bad:#a3170f;--open:#7a4300;--waived:#5b3494;--link:#0b57a4;
--good-tint:#e4f3e8;--bad-tint:#fbe9e7;--open-tint:#fbefdc;--waived-tint:#efe8f8}
@media (prefers-color-scheme:dark){:root{--ground:#14171c;--raised:#1d2128;--line:#3a414b;
--text:#e7eaee;--soft:#a6afba;--good:#6fd496;--bad:#ff9d93;--open:#f2bd5c;--waived:#cdb2f7;
--link:#8cc2ff;--good-tint:#17301f;--bad-tint:#3b1d1b;--open-tint:#36290f;--waived-tint:#2b2140}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--ground);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main,.foot{max-width:72rem;margin:0 auto;padding:1rem}
h1,h2,h3,h4{line-height:1.25;margin:0;overflow-wrap:anywhere}
h2,h3{font-size:1.2rem}h4{font-size:1rem}
p{margin:.4rem 0;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-wrap:anywhere}
pre{background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:.75rem;
white-space:pre-wrap;margin:.5rem 0}
.part{margin:2rem 0}.part>h2,.part>h3{margin-bottom:.75rem}
.verdict{border-radius:10px;padding:1.1rem 1.3rem;color:#fff;background:#56606b;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.verdict.good{background:#11632b}.verdict.bad{background:#a3170f}.verdict.open{background:#7a4300}
.verdict .word{font-size:1.75rem;font-weight:750;letter-spacing:.02em;margin:0;line-height:1.2}
.verdict h1,.verdict h2{font-size:1.2rem;font-weight:600}
.verdict p:last-child{margin-bottom:0}
.notice{border:2px solid var(--open);background:var(--open-tint);border-radius:8px;
padding:.6rem .9rem;margin:1rem 0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.2rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;font-size:.875rem;white-space:nowrap}
tbody th{font-weight:600}
tbody th,td{overflow-wrap:anywhere}tbody th{min-width:5.5rem}
.value{display:inline-block;max-width:min(16rem,15vw);overflow-wrap:break-word;
font-variant-numeric:tabular-nums}
tr:target th,tr:target td{background:var(--raised)}
.id{display:block;color:var(--soft);font-weight:400}
.chips{display:flex;flex-wrap:wrap;gap:.3rem;margin:0;padding:0;list-style:none}
.chip,.status{display:inline-block;border:1px solid currentColor;border-radius:99px;
padding:0 .55rem;font-size:.875rem;text-decoration:none;overflow-wrap:break-word;
max-width:min(17rem,24vw);background:var(--ground);color:var(--soft);print-color-adjust:exact}
a.chip:hover{text-decoration:underline}
.chip.good,.status.good{color:var(--good);background:var(--good-tint)}
.chip.bad,.status.bad{color:var(--bad);background:var(--bad-tint);font-weight:650}
.chip.open,.status.open{color:var(--open);background:var(--open-tint);font-weight:650}
.chip.waived,.status.waived{color:var(--waived);background:var(--waived-tint)}
.cards{display:grid;gap:.9rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr))}
.card{border:1px solid var(--line);border-left:5px solid var(--soft);border-radius:8px;
padding:.8rem 1rem;background:var(--raised);break-inside:avoid}
.card.bad{border-left-color:var(--bad)}.card.open{border-left-color:var(--open)}
.card.waived{border-left-color:var(--waived)}
.card .top{display:flex;flex-wrap:wrap;gap:.3rem .7rem;align-items:baseline}
.card .top>:first-child{flex:1 1 12rem}
.bar{display:block;margin:.15rem 0;max-width:100%}
.bar .track{fill:var(--line)}.bar .limit{fill:var(--text)}
.bar .fill{fill:var(--soft)}.bar.good .fill{fill:var(--good)}.bar.bad .fill{fill:var(--bad)}
.bar.open .fill{fill:var(--open)}.bar.waived .fill{fill:var(--waived)}
.path{margin:.5rem 0;padding-left:1.6rem}.path li{margin:.25rem 0;overflow-wrap:anywhere}
.path .side{color:var(--soft)}
details{margin:.75rem 0}summary{cursor:pointer;padding:.3rem 0}
.decision{border-top:1px solid var(--line);padding-top:.3rem}
.decision>summary{overflow-wrap:anywhere;display:flex;flex-wrap:wrap;
gap:.2rem .8rem;align-items:baseline}
.decision>summary>*{min-width:0}
.decision>summary::before{content:"\\25B8";color:var(--soft)}
.decision[open]>summary::before{content:"\\25BE"}
.foot{color:var(--soft);font-size:.875rem}
.away{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
@media (max-width:44rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}
.stacks thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stacks,.stacks caption,.stacks tbody,.stacks tr,.stacks th,
.stacks td{display:block;border:0;padding:.15rem 0}
.stacks tr{border-bottom:1px solid var(--line);padding:.5rem 0}
.stacks td:empty{display:none}
.chip,.stacks .value{max-width:100%;overflow-wrap:anywhere}.chips li{min-width:0}
.stacks td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.8125rem}}
@media print{body{font-size:10pt}main,.foot{max-width:none;padding:0}a{color:inherit}
tr,.card{break-inside:avoid}
details:not([open])::details-content{content-visibility:visible;block-size:auto}}
"""
