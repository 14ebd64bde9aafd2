/// The fields of `endpoint.tls`, and `endpoint.address`.
enum EndpointTLSFields {
    static let tls = Shape<EndpointTLS>.object(
        EndpointTLS(certificateFile: "", keyFile: ""),
        fields: [
            Field(
                "certificateFile", absolutePath,
                "PEM: the server's certificate first, then the intermediate certificates. Read again when it changes.",
                isRequired: true
            ) { $0.certificateFile = $1 },
            Field(
                "keyFile", absolutePath, "PEM: its private key. Only the controller's user may read it.",
                isRequired: true
            ) {
                $0.keyFile = $1
            },
            Field(
                "clientCAFile", absolutePath,
                "PEM: the authorities that client certificates must come from. Default: clients need no certificate."
            ) { $0.clientCAFile = $1 },
            Field(
                "minimumVersion", .choice(of: "version of TLS"),
                "The oldest version of TLS that clients may use. Default: 1.2."
            ) {
                $0.minimumVersion = $1
            },
        ])

    static let address = Shape<String>.string(atMost: 45).map { text, node, reading -> String? in
        guard !EndpointAddress.isValid(text) else { return text }
        reading.report(
            "'\(text.shortened)' is not an IP address", at: node.place,
            suggestion: "write one such as 127.0.0.1, 0.0.0.0 (all of IPv4) or '::' (all); names are not resolved")
        return nil
    }

    private static let absolutePath = Shape<String>.string(atMost: 4096).map { text, node, reading -> String? in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard text.hasPrefix("/"), !parts.contains(".."), !text.utf8.contains(0) else {
            reading.report(
                "'\(text.shortened)' is not an absolute path without '..'", at: node.place,
                suggestion: "write the file's place on the machine, such as /etc/mlctl/tls/tls.crt")
            return nil
        }
        return text
    }.schema(adding: ["pattern": "^/"]).checkedByServer(
        ServerRule("!self.split('/').exists(part, part == '..')", "must be an absolute path without '..'"))

    /// Why a cluster cannot have a field of the endpoint.
    static let ofOneMachine: [(field: String, message: String, suggestion: String)] = [
        (
            "address", "is for one machine; in a cluster the Service decides who reaches it",
            "leave it out; a Gateway or a Service of your own can open it to others"
        ),
        (
            "tls", "is for one machine: the proxies of a cluster answer without TLS inside it",
            "leave it out, and let a Gateway or an ingress controller end TLS"
        ),
    ]

    static func checkTarget(_ deployment: WrittenDeployment, _ node: SourceNode, _ reading: inout DocumentReading) {
        guard deployment.target != .local else { return }
        for (field, message, suggestion) in ofOneMachine {
            guard let entry = node["endpoint"]?.entry(field), !entry.value.isNull else { continue }
            reading.report(
                message, within: [.field("endpoint"), .field(field)], at: entry.keyPlace, suggestion: suggestion)
        }
    }
}
