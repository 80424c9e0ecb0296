package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;

/** Functions of the C library, which throw what {@code errno} says. */
interface Libc extends Library {
    Libc INSTANCE = Native.load("c", Libc.class);

    int if_nametoindex(String name) throws LastErrorException;

    int socket(int domain, int type, int protocol) throws LastErrorException;

    int setsockopt(int socket, int level, int option, Pointer value, int length) throws LastErrorException;

    int getsockopt(int socket, int level, int option, Pointer value, IntByReference length) throws LastErrorException;

    int bind(int socket, Pointer address, int length) throws LastErrorException;

    NativeLong send(int socket, Pointer bytes, NativeSize length, int flags) throws LastErrorException;

    NativeLong recv(int socket, Pointer bytes, NativeSize length, int flags) throws LastErrorException;

    NativeLong recvmsg(int socket, Pointer message, int flags) throws LastErrorException;

    int poll(Pointer descriptors, NativeSize count, int timeoutMillis) throws LastErrorException;

    int getuid();

    int setsid() throws LastErrorException;

    int close(int descriptor) throws LastErrorException;
}
