package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Fakes whose files break one promise each; as {@link WrongFakes}. */
final class WrongFiles {
    private static final FailureContext CONTEXT = FailureContext.of("test");

    private WrongFiles() {}

    static List<WrongFake> all() {
        List<WrongFake> all = new ArrayList<>();
        all.addAll(files());
        all.addAll(contents());
        all.addAll(copies());
        all.addAll(transfers());
        return all;
    }

    private static List<WrongFake> files() {
        return List.of(
                wrong(
                        "the files of a VM that is gone are there",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public boolean exists(String path) {
                                try {
                                    return super.exists(path);
                                } catch (VMDestroyedException e) {
                                    return true;
                                }
                            }
                        },
                        "gone_calls_throwThatItIsDestroyed"),
                wrong(
                        "what is written is text",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content) {
                                super.write(
                                        path,
                                        new String(content, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8));
                            }
                        },
                        "files_write_isReadByteForByteByAllWhoRead"),
                wrong(
                        "the bound of a read is passed over",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public byte[] read(String path, int maxBytes) {
                                return super.read(path, 1_000_000);
                            }
                        },
                        "files_write_isReadByteForByteByAllWhoRead",
                        "files_readOfNothing_needsNoRoom"),
                wrong(
                        "a file that is written anew has new permissions",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content) {
                                super.write(path, content, "0644");
                            }
                        },
                        "files_writeExisting_keepsItsPermissionsUnlessOthersAreSaid"),
                wrong(
                        "permissions are passed over",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content, String permissions) {
                                super.write(path, content);
                            }
                        },
                        "files_writeExisting_keepsItsPermissionsUnlessOthersAreSaid",
                        "copyOut_whatOthersMayWrite_onlyItsOwnerMayUnlessWanted",
                        "copyOut_permissionToActAsTheOwner_staysInTheGuest"),
                wrong(
                        "links are followed when written",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content) {
                                boolean link = path.startsWith("/")
                                        && super.exists(path)
                                        && super.stat(path).kind() == GuestFile.Kind.LINK;
                                super.write(
                                        link
                                                ? GuestFiles.parent(path) + "/"
                                                        + super.stat(path)
                                                                .linkTarget()
                                                                .orElseThrow()
                                                : path,
                                        content);
                            }
                        },
                        "files_writeOverALink_replacesTheLink"),
                wrong(
                        "an append replaces",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void append(String path, byte[] content) {
                                super.write(path, content);
                            }
                        },
                        "files_append_isWrittenBehindTheEnd",
                        "files_appendToALink_goesToTheFileThatItPointsTo"),
                wrong(
                        "a list is in no order",
                        listing(files -> {
                            List<GuestFile> reversed = new ArrayList<>(files);
                            Collections.reverse(reversed);
                            return reversed;
                        }),
                        "files_list_hasAllThatIsThereSortedByName",
                        "copyIn_linksThatLeadOut_areCopiedAsLinks"),
                wrong(
                        "a list has no hidden files",
                        listing(files -> files.stream()
                                .filter(file -> !file.name().startsWith("."))
                                .toList()),
                        "files_list_hasAllThatIsThereSortedByName"),
                wrong(
                        "a list does not say where links point",
                        listing(files -> files.stream()
                                .map(file -> builder(file)
                                        .linkTarget(Optional.empty())
                                        .build())
                                .toList()),
                        "files_list_hasAllThatIsThereSortedByName",
                        "copyIn_linksThatLeadOut_areCopiedAsLinks"),
                wrong(
                        "a directory is deleted with all that it holds",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void delete(String path) {
                                if (super.exists(path)) {
                                    super.deleteRecursively(path);
                                } else {
                                    super.delete(path);
                                }
                            }
                        },
                        "files_delete_takesNoMoreThanIsAsked"),
                wrong(
                        "deleting what is not there fails",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void deleteRecursively(String path) {
                                if (!path.startsWith("/") || super.exists(path)) {
                                    super.deleteRecursively(path);
                                } else {
                                    super.delete(path);
                                }
                            }
                        },
                        "files_delete_takesNoMoreThanIsAsked"),
                wrong(
                        "a directory that is there cannot be made",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void makeDirectories(String path) {
                                if (path.startsWith("/")
                                        && super.exists(path)
                                        && super.stat(path).isDirectory()) {
                                    throw failure(GuestFileException.Reason.NOT_A_DIRECTORY);
                                }
                                super.makeDirectories(path);
                            }
                        },
                        "files_makeDirectories_makesThoseAboveToo"),
                wrong(
                        "what is missing is empty",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public byte[] read(String path, int maxBytes) {
                                try {
                                    return super.read(path, maxBytes);
                                } catch (GuestFileException e) {
                                    if (e.reason() == GuestFileException.Reason.NOT_FOUND) {
                                        return new byte[0];
                                    }
                                    throw e;
                                }
                            }
                        },
                        "files_missing_isSaidByEachCall",
                        "files_linkThatLeadsNowhere_isThereItself"),
                wrong(
                        "directories are made for what is written",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content) {
                                if (path.startsWith("/nonexistent/")) {
                                    super.makeDirectories(GuestFiles.parent(path));
                                }
                                super.write(path, content);
                            }
                        },
                        "files_missing_isSaidByEachCall"),
                wrong(
                        "a list of a file is the file",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public List<GuestFile> list(String directory) {
                                try {
                                    return super.list(directory);
                                } catch (GuestFileException e) {
                                    if (e.reason() == GuestFileException.Reason.NOT_A_DIRECTORY) {
                                        return List.of(super.stat(directory));
                                    }
                                    throw e;
                                }
                            }
                        },
                        "files_ofAnotherKind_areSaidToBe"),
                wrong(
                        "a path may go up",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public GuestFile stat(String path) {
                                return super.stat(path.contains("..") ? "/tmp" : path);
                            }
                        },
                        "files_badPath_isRefusedByEachCall"),
                wrong(
                        "the root directory may be deleted",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void deleteRecursively(String path) {
                                if (!path.equals("/")) {
                                    super.deleteRecursively(path);
                                }
                            }
                        },
                        "files_badPath_isRefusedByEachCall"),
                wrong(
                        "a user is passed over",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public VMFiles asUser(String user) {
                                return user.equals("nobody") ? this : super.asUser(user);
                            }
                        },
                        "files_asUser_belongToThatUser"),
                wrong(
                        "any name is a user's",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public VMFiles asUser(String user) {
                                return super.asUser(user.equals("no-such-user") ? "root" : user);
                            }
                        },
                        "files_asUser_belongToThatUser"));
    }

    private static List<WrongFake> contents() {
        return List.of(
                wrong(
                        "a file is written in parts",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void write(String path, byte[] content) {
                                if (content.length == 100_000 && super.exists(path)) {
                                    super.write(path, Arrays.copyOf(content, 50_000));
                                    pause();
                                }
                                super.write(path, content);
                            }
                        },
                        "files_writeWhileOthersRead_isThereAsAWhole"),
                wrong(
                        "who reads a file slowly and often sees a part",
                        right -> new SpoiltFiles(right) {
                            private int reads;

                            @Override
                            public byte[] read(String path, int maxBytes) {
                                byte[] content = super.read(path, maxBytes);
                                if (content.length != 100_000) {
                                    return content;
                                }
                                pause();
                                reads++;
                                return reads == 3 ? Arrays.copyOf(content, 50_000) : content;
                            }
                        },
                        "files_writeWhileOthersRead_isThereAsAWhole"),
                wrong(
                        "one byte can be read whatever the bound",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public byte[] read(String path, int maxBytes) {
                                return super.read(path, maxBytes == 0 ? 1 : maxBytes);
                            }
                        },
                        "files_readOfNothing_needsNoRoom"),
                wrong(
                        "a bound below zero is none",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public byte[] read(String path, int maxBytes) {
                                return super.read(path, maxBytes < 0 ? 1_000_000 : maxBytes);
                            }
                        },
                        "files_readOfNothing_needsNoRoom"),
                wrong(
                        "an append replaces a link",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public void append(String path, byte[] content) {
                                if (isLink(super.exists(path) ? Optional.of(super.stat(path)) : Optional.empty())) {
                                    super.write(path, super.read(path, 1_000_000));
                                }
                                super.append(path, content);
                            }
                        },
                        "files_appendToALink_goesToTheFileThatItPointsTo"),
                wrong(
                        "a file is as old as the question",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public GuestFile stat(String path) {
                                return builder(super.stat(path))
                                        .modified(Instant.EPOCH)
                                        .build();
                            }
                        },
                        "files_list_hasAllThatIsThereSortedByName",
                        "files_stat_saysWhatItIsWhoseAndSinceWhen"),
                wrong(
                        "a link that leads nowhere is not there",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public boolean exists(String path) {
                                return super.exists(path)
                                        && !super.stat(path).linkTarget().equals(Optional.of("nowhere"));
                            }
                        },
                        "files_linkThatLeadsNowhere_isThereItself"));
    }

    private static boolean isLink(Optional<GuestFile> file) {
        return file.filter(there -> there.kind() == GuestFile.Kind.LINK).isPresent();
    }

    private static List<WrongFake> transfers() {
        return List.of(
                wrong(
                        "links of this machine are followed on the way in",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                CopyReport report = super.copyIn(source, directory, options);
                                onHost(() -> {
                                    Path link = source.resolve("absolute");
                                    if (Files.isSymbolicLink(link)) {
                                        super.write(directory + "/absolute", Files.readAllBytes(link));
                                    }
                                });
                                return report;
                            }
                        },
                        "copyIn_linksThatLeadOut_areCopiedAsLinks"),
                wrong(
                        "a copy in keeps what is there",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                boolean again = directory.startsWith("/") && super.exists(directory + "/rest");
                                Optional<byte[]> before =
                                        again ? Optional.of(super.read(directory + "/f", 1000)) : Optional.empty();
                                CopyReport report = super.copyIn(source, directory, options);
                                before.ifPresent(content -> super.write(directory + "/f", content));
                                return report;
                            }
                        },
                        "copyIn_again_replacesWhatIsThereAndKeepsTheRest"),
                wrong(
                        "a copy in removes what is there",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                if (directory.startsWith("/")) {
                                    super.deleteRecursively(directory + "/rest");
                                }
                                return super.copyIn(source, directory, options);
                            }
                        },
                        "copyIn_again_replacesWhatIsThereAndKeepsTheRest"),
                wrong(
                        "a copy out keeps all permissions",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                CopyReport report = super.copyOut(source, directory, options);
                                onHost(() -> {
                                    if (super.exists(source + "/f")
                                            && super.stat(source + "/f")
                                                    .permissions()
                                                    .equals("4755")) {
                                        Files.setAttribute(directory.resolve("f"), "unix:mode", 04755);
                                    }
                                });
                                return report;
                            }
                        },
                        "copyOut_permissionToActAsTheOwner_staysInTheGuest"),
                wrong(
                        "what a listener throws does not end a copy",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                return super.copyIn(
                                        source,
                                        directory,
                                        options.withListener(options.listener().map(listener -> (entries, bytes) -> {
                                            try {
                                                listener.onProgress(entries, bytes);
                                            } catch (IllegalStateException e) {
                                                // That is the fault.
                                            }
                                        })));
                            }
                        },
                        "copy_listenerThrows_endsWithThatAndLeavesNothing"),
                wrong(
                        "what a listener throws is a failure of the copy",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                try {
                                    return super.copyOut(source, directory, options);
                                } catch (IllegalStateException e) {
                                    throw failure(GuestFileException.Reason.OTHER);
                                }
                            }
                        },
                        "copy_listenerThrows_endsWithThatAndLeavesNothing"),
                wrong(
                        "a copy out may take any time",
                        copyingOut(options -> options.withTimeout(Duration.ofDays(1))),
                        "copyOut_longerThanItsTimeout_isStoppedAndLeavesNothing"));
    }

    private static void pause() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static List<WrongFake> copies() {
        return List.of(
                wrong(
                        "permissions are lost on the way out",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                CopyReport report = super.copyOut(source, directory, options);
                                onHost(() -> {
                                    Path run = directory.resolve("run");
                                    if (Files.exists(run)) {
                                        Files.setPosixFilePermissions(run, Set.of());
                                    }
                                });
                                return report;
                            }
                        },
                        "copy_treeInAndOut_isTheSame"),
                wrong(
                        "links are followed on the way out",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                CopyReport report = super.copyOut(source, directory, options);
                                onHost(() -> {
                                    Path link = directory.resolve("d/link");
                                    if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
                                        byte[] content = Files.readAllBytes(link);
                                        Files.delete(link);
                                        Files.write(link, content);
                                    }
                                });
                                return report;
                            }
                        },
                        "copy_treeInAndOut_isTheSame"),
                wrong(
                        "what was copied is not counted",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                CopyReport report = super.copyIn(source, directory, options);
                                return new CopyReport(report.entries() + 1, report.bytes(), report.leftOut());
                            }
                        },
                        "copy_treeInAndOut_isTheSame",
                        "copyIn_linksThatLeadOut_areCopiedAsLinks"),
                wrong(
                        "a copy replaces a directory of the guest",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                if (Files.isRegularFile(source)) {
                                    super.deleteRecursively(directory);
                                }
                                return super.copyIn(source, directory, options);
                            }
                        },
                        "copy_file_goesIntoTheDirectory"),
                wrong(
                        "links in the guest are followed on the way in",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                if (Files.isDirectory(source.resolve("d/inner"))) {
                                    super.copyIn(source.resolve("d/inner"), GuestFiles.parent(directory) + "/outside");
                                }
                                return super.copyIn(source, directory, options);
                            }
                        },
                        "copyIn_linksInTheWay_areReplacedAndNotFollowed"),
                wrong(
                        "links that lead out are copied",
                        copyingOut(options -> options.withOutsideLinks(true)),
                        "copyOut_linksThatLeadOut_areLeftOutUnlessWanted"),
                wrong(
                        "links that lead out are never copied",
                        copyingOut(options -> options.withOutsideLinks(false)),
                        "copyOut_linksThatLeadOut_areLeftOutUnlessWanted"),
                wrong(
                        "a copy out may be of any size",
                        copyingOut(options -> options.withMaxBytes(Long.MAX_VALUE)),
                        "copy_moreThanAllowed_isRefused"),
                wrong(
                        "a copy in may have any number of entries",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                return super.copyIn(source, directory, options.withMaxEntries(Long.MAX_VALUE));
                            }
                        },
                        "copy_moreThanAllowed_isRefused"),
                wrong(
                        "a copy that fails leaves a part",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                try {
                                    return super.copyOut(source, directory, options);
                                } catch (AgentVMException e) {
                                    onHost(() -> Files.createDirectories(directory));
                                    throw e;
                                }
                            }
                        },
                        "copyOut_vmDestroyedMeanwhile_throwsThatAndLeavesNothing",
                        "copy_interrupted_stopsAndKeepsTheInterrupt",
                        "copy_moreThanAllowed_isRefused",
                        "copyOut_longerThanItsTimeout_isStoppedAndLeavesNothing"),
                wrong(
                        "a copy clears the directory that it goes to",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                if (source.startsWith("/tmp/contract")) {
                                    onHost(() -> Files.deleteIfExists(directory.resolve("kept")));
                                }
                                return super.copyOut(source, directory, options);
                            }
                        },
                        "copyOut_directoryThatHoldsSomething_isRefused"),
                wrong(
                        "a copy is told of when it is complete",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyIn(Path source, String directory, CopyOptions options) {
                                CopyReport report =
                                        super.copyIn(source, directory, options.withListener(Optional.empty()));
                                options.listener()
                                        .ifPresent(listener -> listener.onProgress(report.entries(), report.bytes()));
                                return report;
                            }
                        },
                        "copy_listener_hearsHowFarItIs"),
                wrong(
                        "a copy loses the interrupt",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                try {
                                    return super.copyOut(source, directory, options);
                                } catch (AgentVMException e) {
                                    boolean unused = Thread.interrupted();
                                    throw e;
                                }
                            }
                        },
                        "copy_interrupted_stopsAndKeepsTheInterrupt"),
                wrong(
                        "the end of the VM is a failure like others",
                        right -> new SpoiltFiles(right) {
                            @Override
                            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                                try {
                                    return super.copyOut(source, directory, options);
                                } catch (VMDestroyedException e) {
                                    throw failure(GuestFileException.Reason.OTHER);
                                }
                            }
                        },
                        "copyOut_vmDestroyedMeanwhile_throwsThatAndLeavesNothing"));
    }

    private interface HostWork {
        void run() throws IOException;
    }

    private static void onHost(HostWork work) {
        try {
            work.run();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static GuestFileException failure(GuestFileException.Reason reason) {
        return new GuestFileException(reason, "wrong", CONTEXT);
    }

    private static GuestFile.Builder builder(GuestFile file) {
        return new GuestFile.Builder().from(file);
    }

    private static UnaryOperator<VMFiles> listing(UnaryOperator<List<GuestFile>> spoil) {
        return right -> new SpoiltFiles(right) {
            @Override
            public List<GuestFile> list(String directory) {
                return spoil.apply(super.list(directory));
            }
        };
    }

    private static UnaryOperator<VMFiles> copyingOut(UnaryOperator<CopyOptions> spoil) {
        return right -> new SpoiltFiles(right) {
            @Override
            public CopyReport copyOut(String source, Path directory, CopyOptions options) {
                return super.copyOut(source, directory, spoil.apply(options));
            }
        };
    }

    private static WrongFake wrong(String fault, UnaryOperator<VMFiles> spoil, String... noticedBy) {
        return WrongFakes.wrong(
                fault,
                WrongFakes.launched(vm -> new SpoiltVM(vm) {
                    @Override
                    public VMFiles files() {
                        return spoil.apply(super.files());
                    }
                }),
                noticedBy);
    }
}
