package dev.agentvm.monitor.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Takes secrets out of what is written down, as far as they can be told by their form. */
public final class Redaction {
    private static final String REDACTED = "[redacted]";

    private static final int LONGEST = 8192;

    private static final String SECRET =
            "(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|authorization|auth(?!or))";
    private static final Pattern SECRET_NAME = Pattern.compile("(?i).*" + SECRET + ".*");
    /** An option whose value is the next argument. */
    private static final Pattern SECRET_OPTION = Pattern.compile("(?i)--?[a-z0-9_-]*" + SECRET + "[a-z0-9_-]*");
    /** As in {@code --password=x}, {@code GITHUB_TOKEN=x} and {@code "apiKey": "x"}, anywhere in a text. */
    private static final Pattern ASSIGNMENT = Pattern.compile(
            "(?i)(" + SECRET
                    + "[a-z0-9_.-]{0,64}[\"']?\\s*[=:]\\s*)(\"[^\"]*\"|'[^']*'|(?:bearer|basic|token)\\s+[^\\s\"']+|[^\\s\"'&;,]+)");
    /** As in {@code https://user:x@host} and {@code https://x@host}. */
    private static final Pattern USER_INFO = Pattern.compile("(?i)([a-z][a-z0-9+.-]{0,20}://)[^/\\s@\"']+@");

    private static final Pattern BEARER = Pattern.compile("(?i)\\b(bearer|basic)\\s+[a-z0-9._~+/=-]{8,}");
    /** The tokens of GitHub, GitLab, Slack, AWS, OpenAI, Anthropic and npm, and web tokens. */
    private static final Pattern KNOWN_TOKEN = Pattern.compile(
            "\\b(?:gh[opusr]_[A-Za-z0-9]{20,}|github_pat_\\w{20,}|glpat-[\\w-]{16,}|xox[abprs]-[\\w-]{10,}"
                    + "|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[\\w-]{20,}|npm_[A-Za-z0-9]{20,}|eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+)");

    private Redaction() {}

    /** Cuts what is very long, since it is looked through several times. */
    public static String text(String text) {
        String result = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "[and more]";
        result = KNOWN_TOKEN.matcher(result).replaceAll(REDACTED);
        result = USER_INFO.matcher(result).replaceAll("$1" + REDACTED + "@");
        result = ASSIGNMENT.matcher(result).replaceAll("$1" + REDACTED);
        return BEARER.matcher(result).replaceAll("$1 " + REDACTED);
    }

    /** The arguments of a command; what follows an option that asks for a secret is one. */
    public static List<String> arguments(List<String> argv) {
        List<String> result = new ArrayList<>();
        boolean nextIsSecret = false;
        for (String argument : argv) {
            result.add(nextIsSecret && !argument.startsWith("-") ? REDACTED : text(argument));
            nextIsSecret = argument.length() <= LONGEST
                    && SECRET_OPTION.matcher(argument).matches();
        }
        return result;
    }

    /** Labels, in the order of their names. */
    public static Map<String, String> labels(Map<String, String> labels) {
        Map<String, String> result = new TreeMap<>();
        labels.forEach(
                (name, value) -> result.put(name, SECRET_NAME.matcher(name).matches() ? REDACTED : text(value)));
        return result;
    }
}
