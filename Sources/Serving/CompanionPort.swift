/// The port of the companion container beside a pod's model server: the cluster probes it, and proxies fetch recorded
/// requests from it.
package enum CompanionPort {
    package static let number = 9902
    /// Answers 200 once the server may get users' requests.
    package static let readyPath = "/readyz"
    /// The recorded requests of the model's folder, unchanged.
    package static let recordingsPath = "/recordings"
    /// The most bytes of recorded requests. Proxies have the same limit.
    package static let recordingsBytes = 16 << 20
}
