-------------------------------- MODULE Lamp ---------------------------------
(* A lamp that is switched, burns out when it is on, and is replaced:        *)
(* a spec to test the runner with. May not be == anything.                   *)
EXTENDS Naturals

CONSTANT Most  \* Lamps that are in store.

ASSUME Most > 1

VARIABLES lamp, changes
vars == <<lamp, changes>>

Init == lamp = "off" /\ changes = 0

\* A broken lamp is not switched.
\* engine: specs.conform.graph.build
MaySwitch == lamp # "broken"

\* engine: specs.conform.graph.build, specs.conform.graph.Graph.actions
Switch ==
    /\ MaySwitch
    /\ lamp' = IF lamp = "off" THEN "on" ELSE "off"
    /\ UNCHANGED changes

\* engine: specs.conform.graph.write
Burn == lamp = "on" /\ lamp' = "broken" /\ UNCHANGED changes

\* engine: specs.conform.graph.read
Replace ==
    /\ lamp = "broken"
    /\ changes < Most
    /\ lamp' = "off"
    /\ changes' = changes + 1

Next == Switch \/ Burn \/ Replace

ReplaceFair == WF_vars(Replace)
Spec == Init /\ [][Next]_vars /\ ReplaceFair

------------------------------------------------------------------------------

\* INV-TOY-1: a broken lamp is lit only by another
\* lamp.
BrokenProp == [][lamp = "broken" /\ lamp' # "broken" => changes' > changes]_vars

\* INV-TOY-2: as long as there are lamps, a broken one is replaced.
LitProp == lamp = "broken" ~> lamp # "broken" \/ changes = Most

\* Must FAIL.
NewDebugInv == changes = 0
==============================================================================
