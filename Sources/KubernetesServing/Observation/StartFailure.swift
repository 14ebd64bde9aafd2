/// Decides from the messages of the kubelet and the container runtime whether the revision causes a failed start.
///
/// A revision is blamed only for what its manifest would cause in any cluster: an image that its registry does not have, a
/// command that the image does not have. Everything else (a registry that does not answer or refuses this cluster, a full disk,
/// a missing Secret) can be solved without changing the manifest, so mlctl waits.
enum StartFailure {
    /// - Parameter message: of a container that waits with `ErrImagePull` or `ImagePullBackOff`. A back-off often names no cause;
    ///   then the revision is not blamed.
    static func isMissingImage(_ message: String?) -> Bool {
        let text = (message ?? "").lowercased()
        let denials = ["unauthorized", "denied", "authorization", "forbidden", "no such host"]
        guard !denials.contains(where: text.contains) else { return false }
        let absences = [
            "not found", "manifest unknown", "name unknown", "name_unknown", "manifest_unknown",
            "invalid reference format", "no match for platform", "no matching manifest",
        ]
        return absences.contains(where: text.contains)
    }

    /// - Parameter message: of a container that waits with `CreateContainerError` or `RunContainerError`.
    static func isMissingCommand(_ message: String?) -> Bool {
        let text = (message ?? "").lowercased()
        let words = [
            "exec: ", "executable file not found", "exec format error", "no command specified",
            "container init was oom-killed",
        ]
        return words.contains(where: text.contains)
    }

    /// - Parameter message: of a container that waits with `CreateContainerConfigError`.
    static func isRefusedUser(_ message: String?) -> Bool { (message ?? "").contains("runAsNonRoot") }
}
