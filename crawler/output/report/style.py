"""How a report looks: one sheet, light and dark, down to a phone and on paper."""

from __future__ import annotations

STYLE = """
:root{--page:#f7f7f5;--card:#fff;--text:#23272b;--faint:#69707a;--line:#dcdfe2;--track:#e9ebed;
--c1:#3a6ea5;--c2:#4d8f63;--c3:#c58a2a;--c4:#b4514b;--c5:#7d669c;--c6:#8a9099}
@media (prefers-color-scheme:dark){:root{--page:#17191c;--card:#1f2226;--text:#dfe2e5;--faint:#99a1aa;--line:#343a40;
--track:#2d3237;--c1:#6fa3d8;--c2:#79b98d;--c3:#dfb062;--c4:#dd8079;--c5:#ab96c8;--c6:#8f969e}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.45 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 48px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px}
h1{font-size:26px;margin:0;overflow-wrap:anywhere}
h2{font-size:15px;margin:0 0 8px;font-weight:600}
p{margin:8px 0}
code{font:13px/1.4 ui-monospace,monospace;background:var(--track);border-radius:4px;padding:1px 5px;
overflow-wrap:anywhere}
.note,.none{color:var(--faint);font-size:13px;margin:6px 0 0}
header .note{margin:0;flex-basis:100%}
.state{margin:0;padding:2px 10px;border-radius:12px;color:#fff;background:var(--c6);font-size:13px;font-weight:600}
.state.good{background:#3f7d55}.state.bad{background:#a8443e}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(110px,1fr));gap:12px;margin:16px 0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.tiles b{display:block;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
.tiles span{color:var(--faint);font-size:13px}
.told{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:12px 0;padding:10px 12px 10px 28px;
overflow-wrap:anywhere}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px;margin:16px 0}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;min-width:0}
main>section{margin:14px 0}
svg{display:block;overflow:visible}
.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}
.b1{background:var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}.b4{background:var(--c4)}
.b5{background:var(--c5)}.b6{background:var(--c6)}
polyline{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke}
.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)}
.area{opacity:.16}.hit{fill:transparent}.grid{stroke:var(--line);stroke-width:1}.track{fill:var(--track)}
.mark{fill:var(--text)}
.tick{fill:var(--faint);font-size:11px}
.over{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;list-style:none;margin:0 0 6px;padding:0;font-size:13px;
color:var(--faint)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
table{border-collapse:collapse;width:100%;font-size:13px}
th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;
overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
thead th,.rows tr:first-child th:not(:only-of-type){color:var(--faint);font-weight:500}
tr:last-child td,tr:last-child th{border-bottom:0}
.rows th{font-weight:400}.rows th:first-child{width:32%;min-width:17ch}.rows th:nth-child(n+3){text-align:right}
.rows td{width:1%;white-space:nowrap;
text-align:right;vertical-align:middle}
.rows td:nth-child(2){width:auto}.rows td:last-child{padding-right:0}
@media (max-width:640px){
main>section table,main>section tbody,main>section tr,main>section td{display:block;width:100%}
main>section thead{display:none}
main>section tr{padding:6px 0;border-bottom:1px solid var(--line)}
main>section td{border:0;padding:1px 0}
main>section td:empty{display:none}
main>section td:not([data-name=""])::before{content:attr(data-name) ": ";color:var(--faint)}
}
@media print{
:root{--page:#fff;--card:#fff;--text:#000;--faint:#444;--line:#bbb;--track:#e5e5e5;
--c1:#3a6ea5;--c2:#4d8f63;--c3:#c58a2a;--c4:#b4514b;--c5:#7d669c;--c6:#8a9099}
body{font-size:11px}main{max-width:none;padding:0}section,.tiles div,tr{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""
