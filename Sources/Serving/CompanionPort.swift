/// Where the companion of a pod's model server answers: the cluster probes it, and proxies fetch recorded requests there.
public enum CompanionPort {
    public static let number = 9902
    /// 200 once the server may have users' requests.
    public static let readyPath = "/readyz"
    /// The recorded requests of the model's folder, as they stand there.
    public static let recordingsPath = "/recordings"
    /// What proxies take, too.
    public static let recordingsBytes = 16 << 20
}
