using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

/// <summary>Counts what the whole process allocates, and so runs when no other test does.</summary>
[CollectionDefinition(nameof(CommandOutputTests), DisableParallelization = true)]
[Collection(nameof(CommandOutputTests))]
public sealed class CommandOutputTests
{
    [Fact]
    public async Task Keeps_little_of_an_endless_output()
    {
        long before = GC.GetTotalAllocatedBytes();
        HealthAnswer answer = await new CommandCheck(new CommandProbe(["/bin/sh", "-c", "head -c 50000000 /dev/zero; echo; echo last; exit 1"])).AskAsync(Test.Token);
        answer.Reason.Should().EndWith(": last");
        (GC.GetTotalAllocatedBytes() - before).Should().BeLessThan(40_000_000);
    }
}
