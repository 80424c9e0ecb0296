package dev.agentvm.monitor.audit;

import java.io.IOException;

/** A file that grows at its end. Not thread-safe. */
interface Appender extends AutoCloseable {
    /** Writes at the end; if this fails, a part may be there. */
    void append(byte[] bytes) throws IOException;

    /** Cuts off what lies behind {@code length}. */
    void cut(long length) throws IOException;

    /** Returns once all is on the medium. */
    void sync() throws IOException;

    @Override
    void close() throws IOException;

    /** Opens files, making those that are not there. */
    interface Opener {
        Appender open(java.nio.file.Path file) throws IOException;
    }
}
