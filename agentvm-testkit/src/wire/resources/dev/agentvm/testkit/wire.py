"""Sends and receives raw frames for a test: wire.py TAP... BRIDGE

Opens the tap devices and watches the bridge. Reads commands, one per line:
  send TAP HEX    a frame into the host, as if from what hangs on the tap
  host4 HEX       an IPv4 packet, sent by the host itself
  frame HEX       a frame, sent by the host itself over the bridge
  drain           answer "got PLACE HEX" for each frame seen since, then "done"
What the host sends itself here bears the mark 7. Writing to a tap returns when the host is done with the frame.
"""
import fcntl
import os
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4
MARK = 7


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def frames(fd):
    while True:
        try:
            yield os.read(fd, 65535)
        except BlockingIOError:
            return


def watched(watch):
    while True:
        try:
            frame, address = watch.recvfrom(65535)
        except BlockingIOError:
            return
        yield ("out" if address[2] == PACKET_OUTGOING else "in"), frame


def main():
    taps = {name: open_tap(name) for name in sys.argv[1:-1]}
    bridge = sys.argv[-1]
    watch = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    watch.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    watch.bind((bridge, ETH_P_ALL))
    watch.setblocking(False)
    raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    frame_out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    frame_out.bind((bridge, 0))
    for sender in (raw4, frame_out):
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    raw4.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "send":
            os.write(taps[arguments[0]], bytes.fromhex(arguments[1]))
        elif command == "host4":
            packet = bytes.fromhex(arguments[0])
            try:
                raw4.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
            except PermissionError:
                pass  # a rule of OUTPUT refused it: nothing arrives, which is what the test looks for
        elif command == "frame":
            frame_out.send(bytes.fromhex(arguments[0]))
        elif command == "drain":
            for name, fd in taps.items():
                for frame in frames(fd):
                    print("got", name, frame.hex())
            for way, frame in watched(watch):
                print("got", bridge + "-" + way, frame.hex())
            print("done", flush=True)


main()
