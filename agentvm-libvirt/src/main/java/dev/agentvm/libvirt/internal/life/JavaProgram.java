package dev.agentvm.libvirt.internal.life;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import java.io.File;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** How a class of this library is run in another JVM: by the same Java, from the same files, as small as a JVM can be. */
final class JavaProgram {
    /** One class of each library that is needed; those of one file, such as a jar of everything, count once. */
    private static final List<String> NEEDED = List.of(
            "dev.agentvm.Hypervisor",
            "org.slf4j.LoggerFactory",
            "org.libvirt.Library",
            "com.sun.jna.Native",
            "jakarta.xml.bind.JAXBContext",
            "jakarta.activation.DataHandler",
            "org.glassfish.jaxb.runtime.v2.ContextFactory",
            "org.glassfish.jaxb.core.v2.ClassFactory",
            "com.sun.istack.FinalArrayList",
            "com.sun.xml.txw2.TXW",
            "com.fasterxml.jackson.core.JsonFactory");

    /** Options for the program's JVM, such as a debugger's port, that a second one must not take as well. */
    private static final List<String> OPTION_VARIABLES =
            List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

    private JavaProgram() {}

    /**
     * What starts it, in no directory that it would keep busy.
     *
     * @throws HostNotReadyException if there is no Java at {@code java.home}, as in a native image
     */
    static ProcessBuilder of(Class<?> main, List<String> arguments) {
        Path java = Path.of(System.getProperty("java.home", ""), "bin", "java");
        if (!Files.isExecutable(java)) {
            throw new HostNotReadyException(
                    "The guard of VMs that libvirt does not tie to their program needs a Java to run in, and there is"
                            + " none at " + java + "; run the program with a JDK or JRE",
                    FailureContext.of("start the guard"));
        }
        List<String> command = new ArrayList<>(List.of(
                java.toString(),
                "-Xmx48m",
                "-XX:+IgnoreUnrecognizedVMOptions",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "--enable-native-access=ALL-UNNAMED",
                // The host application's logging would write to its files.
                "-Dslf4j.provider=org.slf4j.helpers.NOP_FallbackServiceProvider"));
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("jna.") || name.equals("java.io.tmpdir"))
                .sorted()
                .forEach(name -> command.add("-D" + name + "=" + System.getProperty(name)));
        command.addAll(List.of("-cp", classPath(main), main.getName()));
        command.addAll(arguments);
        ProcessBuilder program = new ProcessBuilder(command).directory(new File("/"));
        program.environment().keySet().removeAll(OPTION_VARIABLES);
        return program;
    }

    /** Where the library was loaded from; if that are no plain files, where the program was. */
    private static String classPath(Class<?> main) {
        Set<Path> files = new LinkedHashSet<>();
        List<Class<?>> classes = Stream.concat(Stream.of(main), NEEDED.stream().flatMap(name -> find(name, main)))
                .collect(Collectors.toList());
        for (Class<?> one : classes) {
            Optional<Path> file = file(one);
            if (file.isEmpty()) {
                return classPathOfProgram();
            }
            files.add(file.get());
        }
        return files.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }

    private static Stream<Class<?>> find(String name, Class<?> main) {
        try {
            return Stream.of(Class.forName(name, false, main.getClassLoader()));
        } catch (ClassNotFoundException | LinkageError e) {
            // If it is needed all the same, the program says so when it starts.
            return Stream.empty();
        }
    }

    private static Optional<Path> file(Class<?> loaded) {
        CodeSource source = loaded.getProtectionDomain().getCodeSource();
        if (source == null || source.getLocation() == null) {
            return Optional.empty();
        }
        try {
            URI location = source.getLocation().toURI();
            return "file".equals(location.getScheme())
                    ? Optional.of(Path.of(location)).filter(Files::exists)
                    : Optional.empty();
        } catch (URISyntaxException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static String classPathOfProgram() {
        return Stream.of("java.class.path", "jdk.module.path")
                .map(name -> System.getProperty(name, ""))
                .flatMap(path -> Stream.of(path.split(File.pathSeparator)))
                .filter(entry -> !entry.isEmpty())
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
    }
}
