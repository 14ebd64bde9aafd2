/// Whose fault it is that a container does not start, by what the kubelet and the container runtime say.
///
/// A revision is blamed only for what the same manifest would meet in any cluster: an image that its registry does not have,
/// a command that the image does not have. All else (a registry that does not answer or does not let this cluster in, a full
/// disk, a Secret that is not there) can end without a change of the manifest, so it is waited for.
enum StartFailure {
    /// - Parameter message: of a container that waits with `ErrImagePull` or `ImagePullBackOff`. A back-off often says no
    ///   cause: then it is not known, and nobody is blamed.
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
