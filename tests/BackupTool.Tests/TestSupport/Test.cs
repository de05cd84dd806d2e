namespace BackupTool.Tests.TestSupport;

/// <summary>The running test.</summary>
internal static class Test
{
    /// <summary>Ends with the test run.</summary>
    internal static CancellationToken Token => TestContext.Current.CancellationToken;
}
