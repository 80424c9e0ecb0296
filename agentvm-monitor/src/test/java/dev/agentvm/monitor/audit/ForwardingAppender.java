package dev.agentvm.monitor.audit;

import java.io.IOException;

/** A file like another, but for what a subclass makes of it. */
class ForwardingAppender implements Appender {
    private final Appender file;

    ForwardingAppender(Appender file) {
        this.file = file;
    }

    @Override
    public void append(byte[] bytes) throws IOException {
        file.append(bytes);
    }

    @Override
    public void cut(long length) throws IOException {
        file.cut(length);
    }

    @Override
    public void sync() throws IOException {
        file.sync();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
