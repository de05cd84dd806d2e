using System.Diagnostics;
using System.Globalization;
using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

public sealed class CommandCheckTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    [Theory]
    [InlineData("echo one; echo two; echo; exit 0", true, "/bin/sh is content: two")]
    [InlineData("exit 0", true, "/bin/sh is content")]
    [InlineData("echo out; echo why >&2; exit 3", false, "/bin/sh ended with 3: why")]
    [InlineData("printf 'no line end'; exit 1", false, "/bin/sh ended with 1: no line end")]
    [InlineData("kill -9 $$", false, "/bin/sh ended with 137")]
    [InlineData("exit 0; secret", true, "/bin/sh is content")]
    public async Task Is_healthy_when_the_program_ends_with_0(string script, bool isHealthy, string reason) =>
        (await Shell(script)).Should().Be(new HealthAnswer(isHealthy, false, reason));

    [Fact]
    public async Task Takes_the_program_by_its_words_without_a_shell()
    {
        HealthAnswer answer = await new CommandCheck(new CommandProbe(["/bin/echo", "a  b", "$HOME", "'"])).AskAsync(Test.Token);
        answer.Reason.Should().Be("/bin/echo is content: a  b $HOME '");
    }

    [Fact]
    public async Task Gives_the_program_no_input_to_wait_for() => (await new CommandCheck(new CommandProbe(["/bin/cat"])).AskAsync(Test.Token)).IsHealthy.Should().BeTrue();

    [Fact]
    public async Task Cuts_a_long_line_to_200_characters()
    {
        string reason = (await Shell("head -c 100000 /dev/zero | tr '\\0' x; exit 1")).Reason;
        reason.Should().HaveLength("/bin/sh ended with 1: ".Length + 200).And.EndWith("xx…");
    }

    [Fact]
    public async Task Says_that_the_program_is_not_there_and_that_waiting_will_not_help()
    {
        HealthAnswer answer = await new CommandCheck(new CommandProbe([_there.Below("none"), "secret"])).AskAsync(Test.Token);
        answer.Should().Be(new HealthAnswer(false, true, $"{_there.Below("none")} cannot be run: No such file or directory"));
        await File.WriteAllTextAsync(_there.Below("plain"), "no program", Test.Token);
        answer = await new CommandCheck(new CommandProbe([_there.Below("plain")])).AskAsync(Test.Token);
        (answer.IsHealthy, answer.IsFinal).Should().Be((false, true));
        answer.Reason.Should().EndWith("Permission denied");
    }

    [Fact]
    public async Task Kills_a_program_that_does_not_end_with_its_children()
    {
        string pids = _there.Below("pids");
        string script = $"trap '' TERM; sleep 600 & echo $! >{pids}; sh -c 'trap \"\" TERM; echo $$; sleep 600 & echo $!; wait' >>{pids} & echo $$ >>{pids}; wait; wait";
        long started = Stopwatch.GetTimestamp();
        HealthAnswer answer = await Shell(script, TimeSpan.FromSeconds(1));
        answer.Should().Be(new HealthAnswer(false, false, "/bin/sh did not end and close its output within 1 s, and was killed"));
        Stopwatch.GetElapsedTime(started).Should().BeLessThan(TimeSpan.FromSeconds(8));
        int[] processes = [.. File.ReadLines(pids).Select(line => int.Parse(line, CultureInfo.InvariantCulture))];
        processes.Should().HaveCount(4);
        await EndedAsync(processes);
    }

    [Fact]
    public async Task Does_not_hang_on_what_a_program_leaves_running_with_its_output_open()
    {
        string pid = _there.Below("pid");
        long started = Stopwatch.GetTimestamp();
        HealthAnswer answer = await Shell($"sleep 600 & echo $! >{pid}; exit 0", TimeSpan.FromSeconds(1));
        using Process left = Process.GetProcessById(int.Parse(File.ReadAllText(pid), CultureInfo.InvariantCulture));
        left.Kill();
        Stopwatch.GetElapsedTime(started).Should().BeLessThan(TimeSpan.FromSeconds(8));
        answer.Reason.Should().Contain("close its output");
    }

    [Fact]
    public async Task Kills_the_program_when_the_caller_gives_up()
    {
        string pid = _there.Below("pid");
        using var givingUp = new CancellationTokenSource();
        Task<HealthAnswer> asking = new CommandCheck(new CommandProbe(["/bin/sh", "-c", $"echo $$ >{pid}; exec sleep 600"])).AskAsync(givingUp.Token);
        while (!File.Exists(pid) || (await File.ReadAllTextAsync(pid, Test.Token)).Length == 0) await Task.Delay(10, Test.Token);
        await givingUp.CancelAsync();
        await FluentActions.Awaiting(() => asking).Should().ThrowAsync<OperationCanceledException>();
        await EndedAsync(int.Parse(await File.ReadAllTextAsync(pid, Test.Token), CultureInfo.InvariantCulture));
    }

    private static async Task EndedAsync(params int[] processes)
    {
        // The killed are zombies until whoever is their parent by now has buried them.
        for (int i = 0; i < 200 && processes.Any(Lives); i++) await Task.Delay(20, Test.Token);
        processes.Where(Lives).Should().BeEmpty();
    }

    private static bool Lives(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Split(") ")[1][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static Task<HealthAnswer> Shell(string script, TimeSpan? patience = null) => new CommandCheck(new CommandProbe(["/bin/sh", "-c", script]), patience).AskAsync(Test.Token);
}
