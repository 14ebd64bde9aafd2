extension ClusterBackend {
    /// The watches of pods and workloads tell: one of them that is cut off shows a cluster as it was.
    public func outage() async -> String? {
        let failure = views.workloads.failure ?? views.pods.failure
        return failure.map { ClusterServingError($0, about: "the cluster cannot be followed").message }
    }
}
