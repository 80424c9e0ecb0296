package dev.agentvm.libvirt.lab;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;

/** The lab's own libvirtd, which comes back with the environment that the lab gave it. */
public final class Daemon {
    private Daemon() {}

    /** Stops it as an administrator would, and starts it again. */
    static void restart() throws IOException {
        stop("TERM").start();
    }

    /** Stops it, and starts it again with these variables; an empty value takes one away. */
    static void restart(Map<String, String> variables) throws IOException {
        ProcessHandle daemon = process();
        Map<String, String> environment = new HashMap<>(environment(daemon));
        environment.putAll(variables);
        environment.values().removeIf(String::isEmpty);
        Lab.host("kill", "-TERM", Long.toString(daemon.pid()));
        Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !daemon.isAlive());
        start(environment);
    }

    /** Kills it, and starts it again. */
    static void crash() throws IOException {
        stop("KILL").start();
    }

    /** Ends it by that signal without another start. The answer starts it. */
    public static Start stop(String signal) throws IOException {
        ProcessHandle daemon = process();
        Map<String, String> environment = environment(daemon);
        Lab.host("kill", "-" + signal, Long.toString(daemon.pid()));
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> !daemon.isAlive());
        return () -> start(environment);
    }

    /** Lets it do nothing while the action runs: then all that was asked of it meanwhile comes to it at once. */
    public static void holding(Action action) throws Exception {
        String pid = Long.toString(process().pid());
        Lab.host("kill", "-STOP", pid);
        try {
            action.run();
        } finally {
            Lab.host("kill", "-CONT", pid);
        }
    }

    private static void start(Map<String, String> environment) throws IOException {
        ProcessBuilder libvirtd = new ProcessBuilder("libvirtd", "-d")
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(new File("/dev/null"));
        libvirtd.environment().clear();
        libvirtd.environment().putAll(environment);
        libvirtd.start();
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> new ProcessBuilder("virsh", "uri")
                                .redirectErrorStream(true)
                                .redirectOutput(new File("/dev/null"))
                                .start()
                                .waitFor()
                        == 0);
    }

    static ProcessHandle process() {
        return ProcessHandle.allProcesses()
                .filter(process -> process.info().command().orElse("").endsWith("/libvirtd"))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no libvirtd runs in this lab"));
    }

    private static Map<String, String> environment(ProcessHandle process) throws IOException {
        String text =
                Files.readString(Path.of("/proc", Long.toString(process.pid()), "environ"), StandardCharsets.UTF_8);
        return Arrays.stream(text.split("\0"))
                .filter(entry -> entry.indexOf('=') > 0)
                .map(entry -> entry.split("=", 2))
                .collect(Collectors.toMap(entry -> entry[0], entry -> entry[1]));
    }

    /** Starts the daemon again. */
    public interface Start {
        /** Returns when it answers. */
        void start() throws IOException;
    }

    /** What may fail. */
    public interface Action {
        void run() throws Exception;
    }
}
