/// Ends after this many looks.
actor LookCountdown {
    private var left: Int

    init(_ looks: Int) { left = looks }

    func isOver() -> Bool {
        left -= 1
        return left <= 0
    }
}
