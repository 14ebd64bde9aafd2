/// The port of the companion container beside a pod's model server: the cluster probes it, and proxies fetch recorded
/// requests from it.
public enum CompanionPort {
    public static let number = 9902
    /// Answers 200 once the server may get users' requests.
    public static let readyPath = "/readyz"
    /// The recorded requests of the model's folder, unchanged.
    public static let recordingsPath = "/recordings"
    /// The most bytes of recorded requests. Proxies have the same limit.
    public static let recordingsBytes = 16 << 20
}
