package dev.agentvm.monitor;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A name as {@link dev.agentvm.event.NameResolved#query} writes it, taken apart: RFC 1035, section 5.1. */
final class DnsName {
    /** The names of addresses: RFC 1035, section 3.5, and RFC 3596, section 2.5. */
    private static final Pattern REVERSE =
            Pattern.compile("(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){1,4}in-addr\\.arpa"
                    + "|(?:[0-9a-f]\\.){1,32}ip6\\.arpa");

    private final List<String> labels;

    private DnsName(List<String> labels) {
        this.labels = labels;
    }

    /** Each character of a label is one of its bytes. */
    static DnsName of(String text) {
        List<String> labels = new ArrayList<>();
        StringBuilder label = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '.') {
                labels.add(label.toString());
                label.setLength(0);
            } else if (c == '\\' && i + 3 < text.length() && isDecimal(text, i + 1)) {
                label.append((char) Integer.parseInt(text.substring(i + 1, i + 4)));
                i += 3;
            } else if (c == '\\' && i + 1 < text.length()) {
                label.append(text.charAt(++i));
            } else {
                label.append(c);
            }
        }
        labels.add(label.toString());
        return new DnsName(labels);
    }

    private static boolean isDecimal(String text, int start) {
        return text.substring(start, start + 3).chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /** The last two labels: whom the names below belong to, near enough. */
    String domain() {
        return String.join(".", labels.subList(Math.max(0, labels.size() - 2), labels.size()));
    }

    /** Whether it is the name of an address, which tools ask for with every address they show. */
    boolean isReverse() {
        return REVERSE.matcher(String.join(".", labels)).matches();
    }

    /** The bytes of the longest label below the domain; 0 if there is none. */
    int longestLabel() {
        return below().stream().mapToInt(String::length).max().orElse(0);
    }

    /** The Shannon entropy of what stands below the domain, in bits per byte. */
    double entropy() {
        String text = String.join("", below());
        int[] counts = new int[256];
        text.chars().forEach(c -> counts[c & 0xff]++);
        double bits = 0;
        for (int count : counts) {
            if (count > 0) {
                double share = (double) count / text.length();
                bits -= share * Math.log(share) / Math.log(2);
            }
        }
        return bits;
    }

    private List<String> below() {
        return labels.subList(0, Math.max(0, labels.size() - 2));
    }
}
