package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlValue;
import java.math.BigInteger;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** An amount with its unit. Without a unit libvirt means KiB for memory and bytes for storage. */
public final class SizeXml {
    /** {@code bytes}, {@code KiB}, {@code MiB}, {@code GiB}, … */
    @XmlAttribute
    public @Nullable String unit;

    @XmlValue
    public @Nullable Long value;

    /** So many bytes. */
    public static SizeXml bytes(long value) {
        return of("bytes", value);
    }

    /** So many KiB. */
    public static SizeXml kib(long value) {
        return of("KiB", value);
    }

    /** So many MiB. */
    public static SizeXml mib(long value) {
        return of("MiB", value);
    }

    /** So many GiB. */
    public static SizeXml gib(long value) {
        return of("GiB", value);
    }

    private static SizeXml of(String unit, long value) {
        SizeXml size = new SizeXml();
        size.unit = unit;
        size.value = value;
        return size;
    }

    /**
     * The amount in bytes.
     *
     * @param bare the unit that libvirt means where none is written, {@code "KiB"} for memory, {@code "bytes"} for storage
     * @throws ArithmeticException if it does not fit
     * @throws IllegalArgumentException if there is no amount, or its unit is none of libvirt's
     */
    public long toBytes(String bare) {
        if (value == null) {
            throw new IllegalArgumentException("a size without an amount");
        }
        return BigInteger.valueOf(value)
                .multiply(BigInteger.valueOf(factor(unit == null ? bare : unit)))
                .longValueExact();
    }

    /** libvirt's virScaleInteger: {@code KB} is a thousand, {@code KiB} and {@code K} are 1024, letter case is ignored. */
    private static long factor(String unit) {
        String name = unit.toLowerCase(Locale.ROOT);
        if (name.isEmpty() || name.equals("b") || name.equals("byte") || name.equals("bytes")) {
            return 1;
        }
        int power = "kmgtpe".indexOf(name.charAt(0)) + 1;
        String rest = name.substring(1);
        if (power == 0 || !(rest.isEmpty() || rest.equals("ib") || rest.equals("b"))) {
            throw new IllegalArgumentException("not a unit that libvirt knows: " + unit);
        }
        long base = rest.equals("b") ? 1000 : 1024;
        long factor = 1;
        for (int i = 0; i < power; i++) {
            factor *= base;
        }
        return factor;
    }
}
