package dev.agentvm.libvirt.internal.seed;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.cloudinit.CloudInitFile;
import dev.agentvm.cloudinit.CloudInitUser;
import dev.agentvm.network.MacAddress;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;

/**
 * Renders the documents of cloud-init's NoCloud source (cloud-init's documentation, "NoCloud" and "Module reference"). They
 * are YAML there, and written as JSON here, which is YAML too and has one way to quote. Pure.
 */
final class CloudConfig {
    private static final JsonFactory FACTORY = new JsonFactory();

    private CloudConfig() {}

    /** What shall be done, "cloud config data". */
    static byte[] userData(CloudInit wanted) {
        return document("#cloud-config\n", json -> {
            if (!wanted.users().isEmpty()) {
                json.writeArrayFieldStart("users");
                for (CloudInitUser user : wanted.users()) {
                    user(json, user);
                }
                json.writeEndArray();
            }
            if (!wanted.packages().isEmpty()) {
                // Images come without the lists of what there is.
                json.writeBooleanField("package_update", true);
                strings(json, "packages", wanted.packages());
            }
            if (!wanted.files().isEmpty()) {
                json.writeArrayFieldStart("write_files");
                for (CloudInitFile file : wanted.files()) {
                    file(json, file);
                }
                json.writeEndArray();
            }
            if (!wanted.commands().isEmpty()) {
                json.writeArrayFieldStart("runcmd");
                for (String script : wanted.commands()) {
                    json.writeArray(new String[] {"sh", "-c", script}, 0, 3);
                }
                json.writeEndArray();
            }
        });
    }

    private static void user(JsonGenerator json, CloudInitUser user) throws IOException {
        json.writeStartObject();
        json.writeStringField("name", user.name());
        strings(json, "ssh_authorized_keys", user.sshKeys());
        json.writeBooleanField("lock_passwd", user.passwordHash().isEmpty());
        if (user.passwordHash().isPresent()) {
            json.writeStringField("hashed_passwd", user.passwordHash().get());
        }
        if (user.sudo()) {
            json.writeStringField("sudo", "ALL=(ALL) NOPASSWD:ALL");
        }
        json.writeEndObject();
    }

    private static void file(JsonGenerator json, CloudInitFile file) throws IOException {
        json.writeStartObject();
        json.writeStringField("path", file.path());
        json.writeStringField("encoding", "b64");
        json.writeStringField("content", Base64.getEncoder().encodeToString(file.content()));
        json.writeStringField("permissions", file.permissions());
        json.writeStringField("owner", file.owner());
        // Users are made after files are written, unless those are put off.
        json.writeBooleanField("defer", !file.owner().equals("root:root"));
        json.writeEndObject();
    }

    /** Who the guest is. Another id is a first boot to cloud-init. */
    static byte[] metaData(UUID id, String vmName, CloudInit wanted) {
        return document("", json -> {
            json.writeStringField("instance-id", id.toString());
            json.writeStringField("local-hostname", wanted.hostName().orElseGet(() -> hostName(vmName)));
        });
    }

    /** A VM's name begins with a letter, so something is left of it. */
    private static String hostName(String vmName) {
        return vmName.replaceAll("[^A-Za-z0-9]", "-").replaceAll("-+$", "");
    }

    /** The network, "network config version 2": the card of that address, by DHCP. */
    static byte[] networkConfig(MacAddress mac) {
        return document("", json -> {
            json.writeNumberField("version", 2);
            json.writeObjectFieldStart("ethernets");
            json.writeObjectFieldStart("primary");
            json.writeObjectFieldStart("match");
            json.writeStringField("macaddress", mac.toString());
            json.writeEndObject();
            json.writeBooleanField("dhcp4", true);
            json.writeEndObject();
            json.writeEndObject();
        });
    }

    private static void strings(JsonGenerator json, String name, Iterable<String> values) throws IOException {
        json.writeArrayFieldStart(name);
        for (String value : values) {
            json.writeString(value);
        }
        json.writeEndArray();
    }

    private interface Fields {
        void write(JsonGenerator json) throws IOException;
    }

    private static byte[] document(String head, Fields fields) {
        // To a text first: straight to bytes, the library would escape a character beyond 16 bits as two, which YAML
        // has not.
        StringWriter text = new StringWriter();
        text.write(head);
        try (JsonGenerator json = FACTORY.createGenerator(text)) {
            json.writeStartObject();
            fields.write(json);
            json.writeEndObject();
            json.writeRaw('\n');
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
