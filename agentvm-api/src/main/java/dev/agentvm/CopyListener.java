package dev.agentvm;

/** Is told how far a copy has come. Called on the copying thread; what it throws ends the copy. */
@FunctionalInterface
public interface CopyListener {
    /**
     * The copy has come further: another entry is complete, or another MiB of one that is not.
     *
     * @param entries how many files, directories and links are complete
     * @param bytes how much of what files hold has been copied
     */
    void onProgress(long entries, long bytes);
}
