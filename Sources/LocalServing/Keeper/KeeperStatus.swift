extension KeeperMachine {
    /// The status for the controller. The shell adds ports and wall-clock times.
    var status: InstanceStatus {
        let (phase, runs) = statusPhase
        var status = InstanceStatus(phase: phase)
        status.restarts = restarts
        status.reason = reason
        if runs, let server {
            status.server = server.identity
            status.ports = server.ports
            status.isWarm = server.isWarm
        }
        return status
    }

    private var statusPhase: (InstanceStatus.Phase, runs: Bool) {
        let isLooping = crashes >= KeeperLimits.crashLoop
        return switch stage {
        case .blocked: (.blocked, false)
        case .new, .backingOff: (isLooping ? .crashLooping : .starting, false)
        case .starting, .warmingUp: (isLooping ? .crashLooping : .starting, true)
        case .ready: (.ready, true)
        case .unready: (.unready, true)
        case .ending(let ending): (ending.then == .stop ? .stopping : isLooping ? .crashLooping : .unready, true)
        case .finished(.stopped): (.stopped, false)
        case .finished(.failed): (.failed, false)
        }
    }
}
