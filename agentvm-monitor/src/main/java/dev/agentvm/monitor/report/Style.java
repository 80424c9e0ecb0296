package dev.agentvm.monitor.report;

/** How the page looks, by day and by night. */
final class Style {
    private Style() {}

    static final String CSS = """
            :root { color-scheme: light dark; --text: #1c2024; --page: #fff; --soft: #60646c; --line: #d9d9e0;
              --panel: #f5f5f8; --allowed: #1f7a3f; --denied: #c62a2f; --notice: #9a6700; --sent: #8145b5; --received: #0b68cb }
            @media (prefers-color-scheme: dark) {
              :root { --text: #edeef0; --page: #111113; --soft: #b0b4ba; --line: #363a3f; --panel: #1b1c1f;
                --allowed: #5bb98b; --denied: #ff7a7d; --notice: #ffca16; --sent: #c69aff; --received: #70b8ff } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
              max-width: 1080px; margin: 0 auto; padding: 24px }
            h1 { font-size: 24px; margin: 0 0 12px; overflow-wrap: anywhere } h2 { font-size: 18px; margin: 32px 0 8px }
            dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 }
            dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
            .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 8px; margin: 20px 0 }
            .tile { background: var(--panel); border-radius: 8px; padding: 10px 12px }
            .tile b { display: block; font-size: 20px } .tile span { color: var(--soft); font-size: 13px }
            .wide { overflow: auto; max-height: 420px } table { border-collapse: collapse; width: 100%; font-size: 13px }
            th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line);
              overflow-wrap: anywhere } th { color: var(--soft); font-weight: 500 }
            th, td.brief { white-space: nowrap }
            code { font: 12.5px ui-monospace, monospace } td.denied, .tile.denied b { color: var(--denied) }
            details { border-bottom: 1px solid var(--line); padding: 4px 0; overflow-wrap: anywhere }
            summary { cursor: pointer } li { overflow-wrap: anywhere } ul { font-size: 13px; margin: 6px 0; padding-left: 24px }
            .badge { display: inline-block; min-width: 48px; text-align: center; border-radius: 4px; padding: 0 6px;
              font-size: 12px; color: var(--page) } .badge.denied { background: var(--denied) }
            .badge.notice { background: var(--notice) }
            svg { width: 100%; height: auto } svg text { fill: var(--soft); font-size: 11px } .grid { stroke: var(--line) }
            polyline { fill: none; stroke-width: 1.5 } polyline.sent { stroke: var(--sent) }
            polyline.received { stroke: var(--received) } circle.allowed { fill: var(--allowed) }
            circle.denied { fill: var(--denied) } .key { display: inline-block; width: 10px; height: 10px; border-radius: 5px }
            .key.allowed { background: var(--allowed) } .key.denied { background: var(--denied) }
            .key.sent { background: var(--sent) } .key.received { background: var(--received) }
            """;
}
