package dev.agentvm.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The systemd unit of {@link FlowLogService} that {@code docs/monitoring.md} tells people to install. */
public final class DocumentedUnit {
    private static final Path DOCUMENT = Path.of("../docs/monitoring.md");
    private static final Pattern UNIT = Pattern.compile(
            "^```ini\n# /etc/systemd/system/agentvm-flowlog\\.service\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);

    private DocumentedUnit() {}

    /** All of it. */
    public static String text() throws IOException {
        Matcher matcher = UNIT.matcher(Files.readString(DOCUMENT));
        if (!matcher.find()) {
            throw new AssertionError(DOCUMENT + " has no unit agentvm-flowlog.service");
        }
        return matcher.group(1);
    }

    /** What it says of a key, lines that go on put together; empty if it does not say it. */
    public static Optional<String> value(String key) throws IOException {
        return text().replaceAll("\\\\\n *", "")
                .lines()
                .filter(line -> line.startsWith(key + "="))
                .map(line -> line.substring(key.length() + 1))
                .findFirst();
    }
}
