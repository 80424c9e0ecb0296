package dev.agentvm;

import java.util.stream.Stream;

/** What may never be a name that ends up in a path or in XML. */
final class BadNames {
    private BadNames() {}

    static Stream<String> all() {
        return Stream.of(
                "",
                " ",
                ".",
                "..",
                "../vm",
                "../../etc/passwd",
                "vm/../vm",
                "vm/1",
                "\\vm",
                "vm\0",
                "vm\n",
                "\nvm",
                "vm\r\nvm",
                "vm\t",
                "vm\u001b[2J",
                "vm\u007f",
                "vm\u0085",
                "vm\u2028",
                "vm\u202e",
                "vm\ud800",
                "vm\uffff",
                "<vm>",
                "vm&amp;",
                "vm'",
                "vm\"",
                "]]>",
                "vm vm",
                "vm,size=1",
                "vm;vm",
                "$(vm)",
                "`vm`",
                "-vm",
                "_vm",
                ".vm",
                "vmé",
                "ｖｍ",
                "v".repeat(300));
    }
}
