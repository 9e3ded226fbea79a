//! Stop, kill, start, cut, heal: what is done to which nodes?

use super::{
    DevnetError,
    control::{Action, Wish},
    supervisor::Supervisor,
};

impl Supervisor {
    /// Does what somebody asked for and says so. Nothing is done if one of the names is wrong; what was
    /// done before something failed stays done.
    pub(super) async fn grant(&mut self, wish: &Wish) -> Result<Vec<String>, DevnetError> {
        let places = self.places(&wish.nodes)?;
        let done = match wish.action {
            Action::Stop => self.stop(&places).await,
            Action::Kill => self.kill(&places),
            Action::Start => self.start_again(&places).await,
            Action::Cut => self.cut(&places),
            Action::Heal => self.heal(),
            Action::Status => Ok(Vec::new()),
        };
        self.write()?;
        done
    }

    /// Where the named nodes are, each once.
    fn places(&self, names: &[String]) -> Result<Vec<usize>, DevnetError> {
        let place = |given: &String| {
            let found = self.members.iter().position(|member| member.name == *given);
            found.ok_or_else(|| {
                let known: Vec<&str> =
                    self.members.iter().map(|member| member.name.as_str()).collect();
                DevnetError::Unknown { given: given.clone(), known: known.join(", ") }
            })
        };
        let mut places = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    fn check_running(&self, places: &[usize]) -> Result<(), DevnetError> {
        let stopped = places.iter().map(|&place| &self.members[place]);
        let mut stopped = stopped.filter(|member| !member.is_running());
        stopped.next().map_or(Ok(()), |member| Err(DevnetError::Stopped(member.name.clone())))
    }

    async fn stop(&mut self, places: &[usize]) -> Result<Vec<String>, DevnetError> {
        self.check_running(places)?;
        for &place in places {
            self.members[place].terminate()?;
        }
        for &place in places {
            self.members[place].stopped().await?;
        }
        Ok(self.lines(places, "stopped"))
    }

    fn kill(&mut self, places: &[usize]) -> Result<Vec<String>, DevnetError> {
        self.check_running(places)?;
        for &place in places {
            self.members[place].kill()?;
        }
        Ok(self.lines(places, "killed"))
    }

    async fn start_again(&mut self, places: &[usize]) -> Result<Vec<String>, DevnetError> {
        for &place in places {
            self.start(place).await?;
        }
        Ok(self.lines(places, "started"))
    }

    /// The named nodes become a part of their own; what was cut before stays cut.
    fn cut(&mut self, places: &[usize]) -> Result<Vec<String>, DevnetError> {
        if places.len() == self.members.len() {
            return Err(DevnetError::NoOtherSide);
        }
        let newest = self.members.iter().map(|member| member.part).max().unwrap_or(0);
        for &place in places {
            self.members[place].part = newest + 1;
        }
        self.part_all()?;
        Ok(self.lines(places, "cut off"))
    }

    fn heal(&mut self) -> Result<Vec<String>, DevnetError> {
        for member in &mut self.members {
            member.part = 0;
        }
        self.part_all()?;
        Ok(vec!["all connected".to_owned()])
    }

    /// Tells every node that runs whom it has lost. One that does not run is told when it starts, and
    /// the others hear nothing from it before.
    fn part_all(&self) -> Result<(), DevnetError> {
        let running = (0..self.members.len()).filter(|&place| self.members[place].is_running());
        // One that does not answer keeps no other from being told.
        let told: Vec<_> = running.map(|place| self.part_from(place)).collect();
        told.into_iter().collect()
    }

    /// Tells a node whom it has lost.
    pub(super) fn part_from(&self, place: usize) -> Result<(), DevnetError> {
        let own = &self.members[place];
        let lost = self.members.iter().filter(|member| member.part != own.part);
        let lost = lost.filter_map(|member| Some(member.peer()?.id.clone()));
        own.isolate(&lost.collect::<Vec<_>>())
    }

    fn lines(&self, places: &[usize], what: &str) -> Vec<String> {
        places.iter().map(|&place| format!("{} {what}", self.members[place].name)).collect()
    }
}
