/// How people outside a cluster reach the preview of a candidate.
enum PreviewForwarding {
    /// The local port of the suggested port-forward.
    private static let nearPort = 8080
    /// The port of an address without one.
    private static let defaultPort = 80

    /// The command that reaches the preview from outside the cluster.
    /// - Parameter address: the address in the status.
    /// - Returns: nil if it is not the address of a Service.
    static func command(_ address: String) -> String? {
        guard address.hasPrefix("http://") else { return nil }
        let place = address.dropFirst("http://".count).split(separator: ":", maxSplits: 1)
        let names = place.first?.split(separator: ".") ?? []
        guard names.count == 3, names[2] == "svc" else { return nil }
        let port = place.count > 1 ? String(place[1]) : String(defaultPort)
        return "kubectl -n \(names[1]) port-forward service/\(names[0]) \(nearPort):\(port)"
    }
}
