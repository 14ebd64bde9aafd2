extension ClusterBackend {
    /// The watches of pods and workloads decide: if one of them is interrupted, the cluster's state is out of date.
    public func outage() async -> String? {
        let failure = views.workloads.failure ?? views.pods.failure
        return failure.map { ClusterServingError($0, about: "the cluster cannot be watched").message }
    }
}
