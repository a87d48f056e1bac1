"""The look of ``--format html``: one style sheet, light and dark, on screen and on paper.

Text on its ground has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), in both schemes.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--raised:#f6f7f9;--line:#d5dae1;--text:#1b1f24;
--soft:#56606b;--good:#11632b;--bad:#a3170f;--open:#7a4300;--waived:#5b3494;--link:#0b57a4;
--good-tint:#e9f5ec;--bad-tint:#fceceb;--open-tint:#fcf1de;--waived-tint:#f2ecfa}
@media (prefers-color-scheme:dark){:root{--ground:#14171c;--raised:#1d2128;--line:#3a414b;
--text:#e7eaee;--soft:#a9b2bd;--good:#6fd496;--bad:#ff9d93;--open:#f2bd5c;--waived:#cdb2f7;
--link:#8cc2ff;--good-tint:#16291d;--bad-tint:#351c1a;--open-tint:#30260f;--waived-tint:#281f3a}}
*,::before,::after{--tone:var(--soft);box-sizing:border-box}
.good,.good *{--tone:var(--good);--tint:var(--good-tint)}
.bad,.bad *{--tone:var(--bad);--tint:var(--bad-tint)}
.open,.open *{--tone:var(--open);--tint:var(--open-tint)}
.waived,.waived *{--tone:var(--waived);--tint:var(--waived-tint)}
html{scroll-padding-block-start:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main,.foot{max-width:76rem;margin-inline:auto;padding:1rem}
h1,h2,h3,h4{line-height:1.25;margin:0;overflow-wrap:anywhere}
h1{font-size:1.5rem}h2,h3{font-size:1.25rem}h4{font-size:1rem}
p{margin-block:.5rem}p,dd,li{overflow-wrap:anywhere}p{max-width:75ch}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;direction:ltr}
code{overflow-wrap:anywhere;unicode-bidi:isolate}
pre{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:.75rem;
white-space:pre-wrap;overflow-wrap:anywhere;text-align:left;margin-block:.5rem}
.soft,time{color:var(--soft)}.small{font-size:.875rem}
.num,time{font-variant-numeric:tabular-nums;direction:ltr;unicode-bidi:isolate;
overflow-wrap:anywhere}
.part{margin-block:2.5rem}.part>h2,.part>h3{margin-block-end:.5rem}
.mark{display:inline-flex;inline-size:1.2em;block-size:1.2em;align-items:center;
justify-content:center;vertical-align:-.2em;margin-inline-end:.4em;flex:none;
background:var(--tone);color:var(--ground);font-size:.8em;font-weight:700;line-height:1;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.disc{border-radius:50%}.octagon{clip-path:polygon(30% 0,70% 0,100% 30%,100% 70%,70% 100%,
30% 100%,0 70%,0 30%)}.diamond{clip-path:polygon(50% 0,100% 50%,50% 100%,0 50%)}
.triangle{clip-path:polygon(50% 0,100% 100%,0 100%);padding-block-start:.3em}
.flag,.ring{background:none;color:var(--tone)}.ring{border:2px solid;border-radius:50%}
.verdict{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 1rem;margin-block:1rem 1.5rem;
padding:1.5rem;background:var(--tint,var(--raised));border:1px solid var(--tone);
border-inline-start-width:8px;border-radius:8px;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.verdict>.mark{font-size:2.5rem;margin:0;vertical-align:0}
.verdict .word{display:block;color:var(--tone);font-size:2.25rem;font-weight:800;line-height:1;
letter-spacing:.01em;margin-block-end:.5rem}
.verdict h1,.verdict h2{font-size:1.5rem}
.verdict p:last-child{margin-block-end:0}
@media (max-width:30rem){.verdict{display:block;padding:1rem}.verdict>.mark{float:inline-start;
font-size:1.6rem;margin-inline-end:.75rem}.verdict .word{font-size:1.75rem;line-height:2rem}}
.notice{border:2px solid var(--open);background:var(--open-tint);border-radius:8px;
padding:.75rem 1rem;margin-block:1rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1rem;margin-block:1rem}
dt{color:var(--soft)}dd{margin:0}
table{border-collapse:collapse;inline-size:100%}
caption{text-align:start;color:var(--soft);font-size:.875rem;padding-block-end:.5rem}
th,td{text-align:start;vertical-align:top;padding-block:.5rem;padding-inline:0 .75rem;
border-block-end:1px solid var(--line);overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600;font-size:.875rem}
tbody th{font-weight:600;min-inline-size:5.5rem}td:has(>.status){min-inline-size:4.5rem}
.share{display:block;inline-size:fit-content}
tr:target>*{background:var(--open-tint)}
.id{display:block;color:var(--soft);font-weight:400;inline-size:fit-content;max-inline-size:100%}
.chips{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none}
.chips li{overflow-wrap:anywhere;min-width:0}.chips a{color:inherit}
.chips .bad,.chips .open,.chips .waived{color:var(--tone);font-weight:650}
.status{color:var(--tone);font-weight:650;overflow-wrap:break-word}
.status.good,.status:not(.bad,.open,.waived){font-weight:400}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr))}
.card{border:1px solid var(--line);border-inline-start:5px solid var(--tone);border-radius:8px;
padding:1rem;break-inside:avoid;min-width:0}
.card .top{display:flex;flex-wrap:wrap;gap:0 1rem;justify-content:space-between}
.card .top>*{min-width:0}.card p:last-child{margin-block-end:0}
.card .num:not(.small){font-size:1.25rem;font-weight:600}
.meas{display:grid;gap:0 .75rem;align-items:center;justify-items:start}
.meas>*{min-width:0;max-width:100%}
@media print,(min-width:60.01rem){table .meas{grid-template-columns:12rem 8rem minmax(0,1fr)}
table .meas>.small:nth-child(2){grid-column:2/-1}}
.bar{display:block;margin-block:.3rem;max-width:100%;direction:ltr}
.bar .track{fill:var(--line)}.bar .limit{fill:var(--text)}.bar .fill{fill:var(--tone)}
.path{margin-block:.5rem;padding-inline-start:1.6rem}.path li{margin-block:.5rem}
.path .side{color:var(--soft)}
details{margin-block:.75rem}summary{cursor:pointer;padding-block:.3rem}
.decision{border-block-start:1px solid var(--line);padding-block-start:.3rem}
.decision>summary{overflow-wrap:anywhere;display:flex;flex-wrap:wrap;
gap:.2rem .8rem;align-items:baseline}
.decision>summary>*{min-width:0}
.decision>summary::before{content:"\\25B8";color:var(--soft)}
.decision[open]>summary::before{content:"\\25BE"}
.foot{color:var(--soft);font-size:.875rem;border-block-start:1px solid var(--line)}
@media (max-width:44rem){dl{grid-template-columns:1fr;gap:0}dd{margin-block-end:.5rem}
.stacks thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stacks,.stacks caption,.stacks tbody,.stacks tr,.stacks th,
.stacks td{display:block;border:0;padding-block:.15rem}
.stacks tr{border-block-end:1px solid var(--line);padding-block:.5rem}
.stacks td:empty{display:none}
.stacks td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.8125rem}
th,td{font-size:.9375rem;padding-inline-end:.5rem}}
@media (max-width:22rem){table code,table .small{font-size:.75rem}}
@media (forced-colors:active){.mark{clip-path:none;forced-color-adjust:none;background:Canvas;
color:CanvasText}.bar .fill{fill:CanvasText}}
@media print{:root{color-scheme:light}body{font-size:9.5pt}main,.foot{max-width:none;padding:0}
a{color:inherit}.bar{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.part{margin-block:1.2rem}tr,.card,.notice,pre{break-inside:avoid}h2,h3{break-after:avoid}
details:not([open])::details-content{content-visibility:visible;block-size:auto}}
@page{size:A4;margin:14mm}
"""
