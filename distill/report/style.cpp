// The report's style sheet: all colours and measures in one place, light, dark and paper.
#include "distill/report/sections.h"

namespace retort {

std::string_view style_sheet() {
  // Text colours reach a contrast of 4.5 on --page and --card in both schemes.
  return R"css(
:root{--page:#faf9f6;--card:#fff;--ink:#1c2026;--muted:#5c636e;--line:#e3e0d9;--axis:#a9a69e;
--m0:#4d5866;--m1:#0a6c7e;--m2:#a4570d;--m3:#5b6b1f;--soft:#7352b0;--hard:#a8395f;
--good:#1d6b3c;--bad:#a92a20;--tint:#f1efe9}
@media screen and (prefers-color-scheme:dark){:root{--page:#14161a;--card:#1b1e23;--ink:#e8e8e6;
--muted:#a0a6b0;--line:#2c3037;--axis:#5d636d;--m0:#a9b4c3;--m1:#4cc3d6;--m2:#e5a253;--m3:#b2c46a;
--soft:#b59bea;--hard:#ee86a6;--good:#6cce91;--bad:#f48a7f;--tint:#22262c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 -apple-system,BlinkMacSystemFont,
"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums;
font-feature-settings:"tnum"}
main{max-width:1120px;margin:0 auto;padding:56px 40px 80px}
h1,h2,.lead,.big{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"URW Palladio L",P052,
Georgia,"Liberation Serif","Times New Roman",serif;font-weight:400}
h1{font-size:clamp(29px,4.4vw,44px);line-height:1.14;letter-spacing:-.012em;margin:0 0 22px;
overflow-wrap:anywhere;text-wrap:balance}
h2{font-size:25px;line-height:1.25;letter-spacing:-.005em;margin:0 0 20px}
p{margin:0 0 12px}
section{margin-top:64px}
.kicker{font-size:12.5px;letter-spacing:.09em;text-transform:uppercase;color:var(--muted);
margin:0 0 10px}
.meta{display:flex;flex-wrap:wrap;gap:8px 40px;margin:0;padding:14px 0 0;
border-top:1px solid var(--line);font-size:14px}
.meta div{min-width:0}
.meta dt{color:var(--muted);font-size:12.5px}
.meta dd{margin:0;overflow-wrap:anywhere}
.lead{font-size:22px;line-height:1.45;margin:40px 0 32px;max-width:43em;text-wrap:pretty}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:16px;margin:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px 15px;
break-inside:avoid}
.card dt{font-size:14px;color:var(--muted)}
.card dd{margin:0}
.big{display:block;font-size:42px;line-height:1.15;letter-spacing:-.02em;margin:4px 0 8px;
font-variant-numeric:lining-nums tabular-nums;white-space:nowrap}
.big small{font-size:17px;letter-spacing:0;margin-left:.3em;color:var(--muted)}
.detail{display:block;font-size:13.5px;line-height:1.4;color:var(--muted)}
table{width:100%;border-collapse:collapse;font-size:15px}
th{text-align:left;font-weight:600}
thead th{font-size:13px;font-weight:400;color:var(--muted);padding:0 0 8px 20px;vertical-align:bottom;
border-bottom:1px solid var(--axis)}
tbody th,td{padding:12px 0 12px 20px;border-bottom:1px solid var(--line);vertical-align:top}
thead th:first-child,tbody th:first-child,td:first-child{padding-left:0}
.models td,.models thead th:not(:first-child){text-align:right;white-space:nowrap}
.about{display:block;font-weight:400;font-size:13.5px;color:var(--muted);overflow-wrap:anywhere;
padding-left:18px}
.error{color:var(--muted);font-size:13px}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:8px;
background:currentColor;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.swatch.m0,.meter.m0{color:var(--m0)}.swatch.m1,.meter.m1{color:var(--m1)}
.swatch.m2,.meter.m2{color:var(--m2)}.swatch.m3,.meter.m3{color:var(--m3)}
.footnote,.intro{font-size:14px;color:var(--muted)}
.footnote{margin-top:10px}
.intro{max-width:60em;margin-top:-10px}
.figures{display:grid;grid-template-columns:repeat(4,1fr);gap:40px 40px;margin-top:36px}
h2+.figures{margin-top:0}
figure{margin:0;min-width:0;break-inside:avoid}
.full{grid-column:span 4}.half{grid-column:span 2}
figcaption{font-size:15px;line-height:1.4;margin-bottom:12px}
figcaption b{font-weight:600}
figcaption span{color:var(--muted);font-size:13.5px;margin-left:2px}
svg{display:block;width:100%;height:auto;overflow:visible;font-size:12px}
.on-middle,.on-narrow{display:none}
.grid{stroke:var(--line);stroke-width:1}
.axis{stroke:var(--axis);stroke-width:1}
.rule{stroke:var(--axis);stroke-width:1;stroke-dasharray:3 3}
.tick,.note{fill:var(--muted)}
.strong,.value{fill:var(--ink);font-weight:600}
.small{fill:var(--muted);font-size:11px}
.curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.faint{fill:none;stroke-width:1;stroke-linejoin:round;opacity:.22}
.dot{stroke:var(--page);stroke-width:1.5}
.label{font-weight:600}
polyline.m0{stroke:var(--m0)}polyline.m1{stroke:var(--m1)}polyline.m2{stroke:var(--m2)}
polyline.m3{stroke:var(--m3)}polyline.c-soft{stroke:var(--soft)}polyline.c-hard{stroke:var(--hard)}
polyline.c-classic{stroke:var(--soft)}
rect.m0,circle.m0,text.m0{fill:var(--m0)}rect.m1,circle.m1,text.m1{fill:var(--m1)}
rect.m2,circle.m2,text.m2{fill:var(--m2)}rect.m3,circle.m3,text.m3{fill:var(--m3)}
circle.c-soft,text.c-soft,circle.c-classic,text.c-classic{fill:var(--soft)}
circle.c-hard,text.c-hard{fill:var(--hard)}
.shade0{fill:var(--soft)}.shade1{fill:var(--soft);opacity:.66}.shade2,.shade3{fill:var(--soft);opacity:.38}
rect,circle,polyline,.meter,.meter i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.samples{table-layout:fixed}
.samples th:first-child{width:40%}.samples th:nth-child(2){width:13%}
.samples .text p{margin:0;overflow-wrap:anywhere}
.samples .text p+p{margin-top:6px;padding-top:6px;border-top:1px dotted var(--axis)}
.samples tr{break-inside:avoid}
.gold,.says{overflow-wrap:anywhere}
.verdict{display:flex;gap:7px;align-items:baseline}
.confidence{margin-left:auto;color:var(--muted);white-space:nowrap}
.right{color:var(--good);font-weight:700}.wrong{color:var(--bad);font-weight:700}
.meter{display:block;height:4px;border-radius:2px;background:var(--line);margin-top:7px;overflow:hidden}
.meter i{display:block;height:100%;background:currentColor}
.badge{display:inline-block;margin-top:8px;padding:0 8px;border:1px solid var(--axis);
border-radius:9px;font-size:12px;line-height:17px;color:var(--muted)}
details{margin-top:4px}
summary{cursor:pointer;padding:12px 0;color:var(--m1);font-size:15px}
details .samples thead{display:none}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
font-size:13px}
pre{background:var(--tint);border-radius:8px;padding:18px 20px;margin:0;overflow-x:auto;line-height:1.5;
tab-size:2}
ul{margin:0;padding-left:1.1em;max-width:60em}
li{margin-bottom:8px;overflow-wrap:anywhere}
@media (max-width:1040px){
main{padding:40px 28px 64px}
.on-wide{display:none}.on-middle{display:block}
.cards{grid-template-columns:repeat(2,1fr)}
.figures{grid-template-columns:repeat(2,1fr)}
.full,.half{grid-column:span 2}
.full svg,.half svg{max-width:760px}
.samples th:first-child{width:34%}
thead th,tbody th,td{padding-left:14px}}
@media (max-width:600px){
body{font-size:15px}
main{padding:28px 20px 48px}
section{margin-top:48px}
.on-middle{display:none}.on-narrow{display:block}
.meta{display:grid;grid-template-columns:1fr;gap:6px}
.meta div{display:flex;gap:12px}.meta dt{flex:0 0 62px;font-size:14px}
.lead{font-size:19px;margin:28px 0 24px}
.cards{gap:10px}
.card{padding:12px 13px}
.big{font-size:31px}.big small{font-size:14px}
.detail{font-size:13px}
.figures{grid-template-columns:1fr;gap:32px}
.full,.half,.quarter{grid-column:span 1}
table,tbody,tr,tbody th,td{display:block;width:auto}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.models tr,.samples tr{padding:14px 0;border-bottom:1px solid var(--line)}
.models tr:first-child,.samples tr:first-child{border-top:1px solid var(--line)}
tbody th,td,.models td{padding:2px 0;border:0;text-align:left;white-space:normal}
.models tbody th{padding-bottom:6px}
td[data-label]{display:grid;grid-template-columns:7.4em 1fr;column-gap:12px}
td[data-label]::before{content:attr(data-label);color:var(--muted);font-size:13.5px}
.samples td[data-label]{padding-top:6px}
.samples td .meter{grid-column:2}
.samples .text{padding-bottom:4px}}
@media print{
body{font-size:10.5pt;background:#fff}
main{max-width:none;padding:0}
section{margin-top:32px}
h2{break-after:avoid}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
.card{border-color:var(--axis)}}
)css";
}

}  // namespace retort
