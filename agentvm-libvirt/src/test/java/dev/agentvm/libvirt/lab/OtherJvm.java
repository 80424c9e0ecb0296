package dev.agentvm.libvirt.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Another program with the class path of this one. */
public final class OtherJvm {
    private OtherJvm() {}

    /**
     * Starts it; its errors go where this one's go.
     *
     * @param launcher what starts it, such as {@code setpriv} with options; nothing does if empty
     */
    public static Process start(List<String> launcher, Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(launcher);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:-UsePerfData",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }
}
