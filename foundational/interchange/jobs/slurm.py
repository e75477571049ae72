"""A job array for Slurm, one task a folder; it also runs in a plain shell."""

from typing import Final

from foundational.interchange.jobs.codes import Code

#: The list of folders that the array counts through.
LIST: Final = "folders.txt"
SCRIPT: Final = "job-array.sh"
_TEXT: Final = r"""#!/bin/bash
#SBATCH --job-name=label-{code}
#SBATCH --array=1-{tasks}
#SBATCH --ntasks=1
#SBATCH --time=01:00:00
#SBATCH --output=slurm-%A_%a.log
# Each task takes {per_task} folders of {list}. A folder that has the file "finished" is not run again, so the array can
# be submitted again after time limits and failures. Without Slurm: bash {script} runs all of them, one after another.
# Set modules, memory, time and the command below for your machine; the output must stay in the folder.
command="${{FOUNDATIONAL_COMMAND:-{command}}}"

cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}" || exit 1
[ -f {list} ] || {{ echo "go to the folder of {script} first" >&2; exit 1; }}
total=$(wc -l < {list})
first=1
last=$total
if [ -n "$SLURM_ARRAY_TASK_ID" ]; then
    first=$(( (SLURM_ARRAY_TASK_ID - 1) * {per_task} + 1 ))
    last=$(( SLURM_ARRAY_TASK_ID * {per_task} ))
fi
for number in $(seq "$first" "$last"); do
    folder=$(sed -n "${{number}}p" {list})
    [ -n "$folder" ] || continue
    [ -e "$folder/finished" ] && continue
    ( cd "$folder" && bash -c "$command" && touch finished ) || echo "failed: $folder" >&2
done
"""
#: Tasks that most Slurm installations allow in one array.
_TASKS: Final = 1000


def job_array(code: Code, main: str, folders: int) -> str:
    """The script for ``folders`` folders."""
    per_task = max(1, -(-folders // _TASKS))
    return _TEXT.format(
        code=code.name,
        tasks=max(1, -(-folders // per_task)),
        per_task=per_task,
        list=LIST,
        script=SCRIPT,
        command=code.command.format(main=main),
    )
