/** What a broker needs for a listener with TLS and SCRAM and for access rights, made with the JDK's own keytool. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokerExtras } from "../../../src/demo/broker.ts";

const STORE_PASSWORD = "changeit";

/** A certificate for 127.0.0.1 in `directory`; `store` is for a broker, `ca` for its clients. */
export function makeCertificate(directory: string, name: string): { readonly store: string; readonly ca: string } {
  const store = join(directory, `${name}.p12`);
  const keytool = (...args: string[]) => {
    const { status, stderr } = spawnSync("keytool", [...args, "-keystore", store, "-storepass", STORE_PASSWORD, "-storetype", "PKCS12"]);
    if (status !== 0) throw new Error(`keytool failed: ${stderr}`);
  };
  keytool("-genkeypair", "-alias", name, "-keyalg", "EC", "-dname", `CN=${name}`, "-ext", "san=ip:127.0.0.1", "-validity", "3650");
  const certificate = join(directory, `${name}.pem`);
  keytool("-exportcert", "-rfc", "-alias", name, "-file", certificate);
  return { store, ca: readFileSync(certificate, "utf8") };
}

/** A second listener on `securePort` that wants TLS and one of the users; the plain one stays, for the test itself, and may do everything. */
export function withSecureListener(
  { port, controllerPort }: { readonly port: number; readonly controllerPort: number },
  securePort: number,
  store: string,
  users: Readonly<Record<string, string>>,
): BrokerExtras {
  const scram = (mechanism: string) =>
    `org.apache.kafka.common.security.scram.ScramLoginModule required;\nsasl.enabled.mechanisms=${mechanism}`;
  const properties = `
listeners=PLAINTEXT://127.0.0.1:${port},SASL_SSL://127.0.0.1:${securePort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL_SSL://127.0.0.1:${securePort}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PKCS12
ssl.keystore.location=${store}
ssl.keystore.password=${STORE_PASSWORD}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${scram("SCRAM-SHA-256,SCRAM-SHA-512")}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
`;
  const formatArguments = Object.entries(users).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => ["--add-scram", `${mechanism}=[name=${name},password=${password}]`]),
  );
  return { properties, formatArguments };
}
