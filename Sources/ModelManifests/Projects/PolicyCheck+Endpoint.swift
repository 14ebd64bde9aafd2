/// Who can reach an endpoint, and the files that it names.
extension PolicyCheck {
    mutating func checkEndpoint() {
        guard deployment.target == .local else { return }
        checkAddress()
        checkFiles()
    }

    private mutating func checkAddress() {
        guard let address = deployment.endpoint.address, deployment.endpoint.leavesLoopback else { return }
        let allowed = rules.policy.endpointAddresses ?? []
        guard !allowed.contains(address) else { return }
        refuse(
            Violation(
                "endpointAddresses", "the project may not listen on \(address), which other machines can reach",
                allows: ["127.0.0.1"] + allowed), at: .endpoint([.field("address")]))
    }

    private mutating func checkFiles() {
        guard let tls = deployment.endpoint.tls, let roots = rules.policy.endpointFiles else { return }
        for (field, path) in tls.files where !roots.contains(where: { $0.contains("file:" + path) }) {
            refuse(
                Violation(
                    "endpointFiles", "'\(path.shortened)' is not below any of the project's folders for endpoints",
                    allows: roots.compactMap(\.folder)), at: .endpoint([.field("tls"), .field(field)]))
        }
    }
}
