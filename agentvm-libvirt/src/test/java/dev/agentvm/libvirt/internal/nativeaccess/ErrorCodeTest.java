package dev.agentvm.libvirt.internal.nativeaccess;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.libvirt.Error.ErrorDomain;
import org.libvirt.Error.ErrorNumber;

class ErrorCodeTest {
    /** Younger than libvirt-java's list. */
    private static final List<String> UNKNOWN_THERE = List.of("AGENT_COMMAND_TIMEOUT", "AGENT_COMMAND_FAILED");

    @Test
    void numbers_areThoseOfLibvirtJava() throws IllegalAccessException {
        for (Field field : ErrorCode.class.getFields()) {
            if (field.getName().startsWith("FROM_") || UNKNOWN_THERE.contains(field.getName())) {
                continue;
            }
            assertThat(field.getInt(null))
                    .as(field.getName())
                    .isEqualTo(ErrorNumber.valueOf("VIR_ERR_" + field.getName()).ordinal());
        }
        assertThat(ErrorCode.FROM_RPC).isEqualTo(ErrorDomain.VIR_FROM_RPC.ordinal());
        assertThat(Arrays.asList(ErrorCode.class.getFields())).hasSizeGreaterThan(30);
    }
}
