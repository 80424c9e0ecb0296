package dev.agentvm.monitor.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
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
    /** What follows such an option where it has no value. */
    private static final Pattern LONG_OPTION = Pattern.compile("--[a-z]");
    /** The beginning of an argument that is one value from there on, whatever stands in it. */
    private static final Pattern SECRET_ARGUMENT =
            Pattern.compile("(?i)(?:--?[\\w.-]{1,64}=)?[\\w.-]{0,128}" + SECRET + "[\\w.-]{0,128}[=:]\\s*");

    private static final Pattern SHELL = Pattern.compile("(?:.*/)?(?:ba|da|a|z|k|mk|c|tc|fi)?sh");
    private static final Pattern SCRIPT_OPTION = Pattern.compile("-[a-z]*c");
    /** With its escapes, and also if its end is cut off. What repeats is possessive, so that it takes no stack. */
    private static final String QUOTED = "\"(?:[^\"\\\\]|\\\\.)*+[\"\\\\]?|'[^']*+'?";
    /** As in {@code --password=x}, {@code GITHUB_TOKEN=x} and {@code "apiKey": "x"}, anywhere in a text. */
    private static final Pattern ASSIGNMENT =
            Pattern.compile("(?is)(" + SECRET + "[a-z0-9_.-]{0,64}\\\\*[\"']?\\s*[=:]\\s*)" + "(?:\\\\*(?:" + QUOTED
                    + ")|(?:bearer|basic|token)\\s+[^\\s\"']+|[^\\s\"'&]+)");
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

    /**
     * The arguments of a command. An argument that begins with the name of a secret is one to its end; so is what
     * follows an option that asks for one. A shell's script is text: words behind the secret tell what was run.
     */
    public static List<String> arguments(List<String> argv) {
        List<String> result = new ArrayList<>();
        boolean shell = false;
        String before = "";
        for (String argument : argv) {
            boolean secret =
                    isSecretOption(before) && !LONG_OPTION.matcher(argument).lookingAt();
            boolean script = shell && SCRIPT_OPTION.matcher(before).matches();
            result.add(secret ? REDACTED : script ? text(argument) : argument(argument));
            shell |= SHELL.matcher(argument).matches();
            before = secret ? "" : argument;
        }
        return result;
    }

    private static boolean isSecretOption(String argument) {
        return argument.length() <= LONGEST && SECRET_OPTION.matcher(argument).matches();
    }

    private static String argument(String argument) {
        Matcher secret = SECRET_ARGUMENT.matcher(argument);
        return secret.lookingAt() ? secret.group() + REDACTED : text(argument);
    }

    /** Labels, in the order of their names. */
    public static Map<String, String> labels(Map<String, String> labels) {
        Map<String, String> result = new TreeMap<>();
        labels.forEach(
                (name, value) -> result.put(name, SECRET_NAME.matcher(name).matches() ? REDACTED : text(value)));
        return result;
    }
}
